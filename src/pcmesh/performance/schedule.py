"""Reads the pipeline of stages off a compiled network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pcmesh.errors import ConfigurationError
from pcmesh.hardware import TimingSpec
from pcmesh.network import AnalogLayer
from pcmesh.performance.flow import Flow, Way
from pcmesh.performance.stages import ChipUnit, Compiled, Input, Link, Pipeline, Stage
from pcmesh.routing.types import ChipSchedule

CODE_BITS = 8
"""Bits of a code that a landing pad counts (UINT8)."""


def read_pipeline(compiled: Compiled, *, events: str | None = None, link: Link | None = None) -> Pipeline:
    """Read the stages off a compiled network.

    Args:
        compiled: the network.
        events: vector from outside that comes once per event, not once per frame (the RNN-T's last letter).
        link: every vector to and from a chip crosses this link; None: digital parts stand beside the landing pads.

    Raises:
        ConfigurationError: stages on several chips wait for one another in a circle.
    """
    return _Reader(compiled, events, link).pipeline()


class _Reader:
    def __init__(self, compiled: Compiled, events: str | None, link: Link | None) -> None:
        self._compiled, self._events, self._link = compiled, events, link
        self._flow = Flow(compiled.graph, compiled.chip.digital.layer_ns)
        self._schedules = {schedule.chip: schedule for schedule in compiled.routing.chips}
        self._chips = _chips_of_layers(compiled)
        self._groups = self._layers_together()
        self._number = {layer.name: index for index, group in enumerate(self._groups) for layer in group}
        self._ways = [[way for layer in group for way in self._flow.ways_to(layer)] for group in self._groups]

    def pipeline(self) -> Pipeline:
        order = self._in_order()
        of_events = tuple(number for number in order if self._takes_events(number))
        stages: dict[int, Stage] = {}
        for number in order:
            stages[number] = self._stage(number, stages)
        for number in order:
            stages[number] = replace(stages[number], loop_ns=self._loop_ns(number, stages))
        units = [self._unit(members, stages) for members in self._members(order, of_events, stages)]
        final = [stages[number] for number in range(len(stages))]
        for unit in units:
            for number, depth in self._depths(unit, stages).items():
                final[number] = replace(final[number], depth=depth)
        joined, joint_ns = self._joint(of_events)
        return Pipeline(
            stages=tuple(final),
            units=tuple(units),
            event_stages=of_events,
            joined_stage=joined,
            joint_ns=joint_ns,
        )

    def _layers_together(self) -> list[list[AnalogLayer]]:
        """Return the groups of layers that run in one operation: of one chip, with a common digital consumer."""
        graph = self._compiled.graph
        keys: dict[str, set[object]] = {}
        for layer in graph.layers:
            source = graph.producer(layer.input)
            handed = set() if source is None else set(keys[source.name])
            chips = self._chips[layer.name]
            shared = {(operation.name, chips) for operation in self._flow.consumers(layer.output)}
            keys[layer.name] = handed | shared | {layer.name}
        groups: list[tuple[set[object], list[AnalogLayer]]] = []
        for layer in graph.layers:
            joined, members = set(keys[layer.name]), [layer]
            for entry in [entry for entry in groups if entry[0] & joined]:
                groups.remove(entry)
                joined, members = joined | entry[0], entry[1] + members
            groups.append((joined, members))
        return [members for _, members in groups]

    def _in_order(self) -> list[int]:
        """Return the stages' numbers, each behind those whose frames it takes."""
        waiting = list(range(len(self._groups)))
        order: list[int] = []
        while waiting:
            ready = [number for number in waiting if not self._sources(number) & set(waiting)]
            if not ready:
                names = ", ".join(self._groups[number][0].name for number in waiting)
                raise ConfigurationError(f"layers {names} wait for one another", "Check the order of the vectors")
            order.append(ready[0])
            waiting.remove(ready[0])
        return order

    def _sources(self, number: int) -> set[int]:
        """Return the other stages whose output of the same frame a stage takes."""
        layers = [way.source for way in self._ways[number] if not way.last_frame]
        return {self._number[layer.name] for layer in layers if isinstance(layer, AnalogLayer)} - {number}

    def _takes_events(self, number: int) -> bool:
        """Return whether a stage depends on the vector that comes once per event."""
        outside = {way.source for way in self._ways[number] if isinstance(way.source, str)}
        return self._events in outside or any(self._takes_events(source) for source in self._sources(number))

    def _stage(self, number: int, before: dict[int, Stage]) -> Stage:
        layers = self._groups[number]
        inputs, frames = [], 1
        for way in self._ways[number]:
            source = self._source(way)
            frames = max(frames, way.frames * (1 if source in (None, number) else before[source].frames))
            if source is not None and source != number and not way.last_frame:
                inputs.append(Input(stage=source, delay_ns=way.delay_ns))
        return Stage(
            layers=tuple(layer.name for layer in layers),
            chips=tuple(sorted({chip for layer in layers for chip in self._chips[layer.name]})),
            latency_ns=self._latency_ns(layers),
            frames=frames,
            inputs=tuple(dict.fromkeys(inputs)),
            tail_ns=max(self._flow.delay_after(layer.output) for layer in layers),
        )

    def _source(self, way: Way) -> int | None:
        return self._number[way.source.name] if isinstance(way.source, AnalogLayer) else None

    def _loop_ns(self, number: int, stages: dict[int, Stage]) -> int:
        """Return the longest time from a stage's start until what it takes of the last frame is there."""
        sources = [(self._source(way), way.delay_ns) for way in self._ways[number] if way.last_frame]
        paths = [(self._path_ns(number, source, stages), delay) for source, delay in sources if source is not None]
        return max((path + delay for path, delay in paths if path is not None), default=0)

    def _path_ns(self, start: int, end: int, stages: dict[int, Stage]) -> int | None:
        """Return the longest time from a stage's start to another's end in the same frame; None without a way."""
        if start == end:
            return stages[end].latency_ns
        paths = [(self._path_ns(start, way.stage, stages), way.delay_ns) for way in stages[end].inputs]
        found = [path + delay for path, delay in paths if path is not None]
        return max(found) + stages[end].latency_ns if found else None

    def _latency_ns(self, layers: Sequence[AnalogLayer]) -> int:
        """Return the time until the last code of some layers is counted, and has crossed the link."""
        names = {layer.name for layer in layers}
        groups = {group.index for group in self._compiled.mapping.groups if group.layer in names}
        timing = self._compiled.chip.timing
        chips = {chip for layer in layers for chip in self._chips[layer.name]}
        counted = max(_last_step(self._schedules[chip], groups, timing) for chip in chips)
        return counted + max(self._link_ns(chip, groups, names) for chip in chips)

    def _link_ns(self, chip: int, groups: set[int], layers: set[str]) -> int:
        """Return how long the vectors of some layers take over a chip's link."""
        if self._link is None:
            return 0
        timing, mapping = self._compiled.chip.timing, self._compiled.mapping
        input_bits = math.ceil(math.log2(timing.input_max_ns / timing.input_step_ns + 1)) + 1
        rows = {mapping.layer(name).input for name in layers}
        transfers = [transfer for step in self._schedules[chip].steps for transfer in step.transfers]
        sent = {
            (t.operand.vector, t.operand.start): t.operand.stop - t.operand.start
            for t in transfers
            if t.operand is not None and t.operand.vector in rows
        }
        counted = {
            t.group: mapping.groups[t.group].columns for t in transfers if t.olp is not None and t.group in groups
        }
        bits = input_bits * sum(sent.values()) + CODE_BITS * sum(counted.values())
        return math.ceil(bits / self._link.gbit_s)

    def _members(
        self, order: Sequence[int], of_events: Sequence[int], stages: dict[int, Stage]
    ) -> list[tuple[int, ...]]:
        """Return the stages of each unit: those of one chip, unless they wait for one another over other chips."""
        chosen = [number for number in order if number not in of_events]
        groups: list[set[int]] = []
        for number in chosen:
            chips = set(self._chips_of(number))
            near = [group for group in groups if any(chips & set(self._chips_of(member)) for member in group)]
            groups = [group for group in groups if group not in near] + [{number}.union(*near)]
        found: list[tuple[int, ...]] = []
        for group in groups:
            members = tuple(number for number in chosen if number in group)
            in_step = len({stages[number].frames for number in members}) == 1 and self._in_step(members, chosen)
            found += [members] if in_step else [(number,) for number in members]
        return sorted(found, key=lambda members: chosen.index(members[-1]))

    def _in_step(self, members: Sequence[int], chosen: Sequence[int]) -> bool:
        """Return whether no other stage is on the way from one of these to another."""
        inside = set(members)
        outside: set[int] = set()
        for number in chosen:
            if number not in inside and self._sources(number) & (inside | outside):
                outside.add(number)
        return not any(self._sources(number) & outside for number in members)

    def _chips_of(self, number: int) -> Iterable[int]:
        return (chip for layer in self._groups[number] for chip in self._chips[layer.name])

    def _unit(self, members: tuple[int, ...], stages: dict[int, Stage]) -> ChipUnit:
        timing = self._compiled.chip.timing
        chips = tuple(sorted({chip for number in members for chip in self._chips_of(number)}))
        interval = max(self._schedules[chip].interval_ns(timing) for chip in chips)
        layers = {name for number in members for name in stages[number].layers}
        groups = {group.index for group in self._compiled.mapping.groups if group.layer in layers}
        crossing = max(self._link_ns(chip, groups, layers) for chip in chips)
        return ChipUnit(
            chips=chips,
            stages=members,
            operation_ns=max(self._schedules[chip].operation_ns(timing) for chip in chips),
            period_ns=max(interval, crossing, *(stages[number].loop_ns for number in members)),
            frames=max(stages[number].frames for number in members),
        )

    def _depths(self, unit: ChipUnit, stages: dict[int, Stage]) -> dict[int, int]:
        """Return how many operations after a frame's arrival each stage of a unit takes it."""
        depths: dict[int, int] = {}
        for number in unit.stages:
            behind = [
                depths[way.stage] + -(-(stages[way.stage].latency_ns + way.delay_ns) // unit.period_ns)
                for way in stages[number].inputs
                if way.stage in depths
            ]
            depths[number] = max(behind, default=0)
        return depths

    def _joint(self, of_events: Sequence[int]) -> tuple[int | None, int]:
        """Return the stage whose frames a digital operation joins with events, and that operation's time."""
        made = {layer.output: layer.name for layer in self._compiled.graph.layers}
        for operation in self._compiled.graph.digital:
            sources = {self._number[made[name]] for name in operation.inputs if name in made}
            if sources & {*of_events} and sources - {*of_events}:
                return min(sources - {*of_events}), self._flow.delay(operation)
        return None, 0


def _chips_of_layers(compiled: Compiled) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {}
    for tile, place in zip(compiled.mapping.tiles, compiled.placement.places, strict=True):
        found.setdefault(tile.wp1.layer, set()).add(place.chip)
    return {layer: tuple(sorted(chips)) for layer, chips in found.items()}


def _last_step(schedule: ChipSchedule, groups: set[int], timing: TimingSpec) -> int:
    """Return when the last vector of some groups has reached a landing pad, ns; 0 without one."""
    counted = [
        number
        for number, step in enumerate(schedule.steps, start=1)
        if any(transfer.olp is not None and transfer.group in groups for transfer in step.transfers)
    ]
    return schedule.start_ns(max(counted, default=0), timing)
