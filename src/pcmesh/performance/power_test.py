"""The paper's power test: a few vectors cycled for ever on each chip, and what the chip did for each operation.

Source: Methods, Performance simulation and power measurements: 32 vectors fill the landing pads' SRAM, JUMP
instructions start the programs over, all integration and output phases are included.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch

from pcmesh.execution.clocked.activity import Event
from pcmesh.execution.clocked.chip import ClockedChip
from pcmesh.execution.hardware import ChipHardware, TileHardware
from pcmesh.hardware import Site
from pcmesh.microcode import ChipProgram, Microcode, generate
from pcmesh.performance.conduction import charge_of_rows
from pcmesh.performance.stages import Compiled
from pcmesh.physics.cell import CellArrays, read_variance_table, variance_unit
from pcmesh.physics.column import RampSetting
from pcmesh.physics.fabrication import Instance, fabricate_tile
from pcmesh.physics.pulse import input_ticks
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.progress import Progress, quiet
from pcmesh.random import torch_generator
from pcmesh.routing.types import ChipSchedule, Step

VECTORS = 32
TURNS = 2
"""Frames one after the other in each of the lanes that share the vectors: the jump back is taken."""

FULL_SCALE_SIGMA = 4.0
"""The longest pulse stands for so many standard deviations of a normal input (assumed: not published)."""

SHARED = "shared"
"""Layer of what serves all layers of a chip alike: places that only pass vectors on, the clock."""


@dataclass(frozen=True)
class Part:
    """What is counted together: a kind of `execution.clocked.Activity`, a time step of the operation, a layer."""

    kind: str
    step: int
    layer: str


@dataclass(frozen=True)
class ChipActivity:
    """What one operation of a chip takes.

    Attributes:
        chip: from 0.
        operation_ns: length of an operation.
        phases: name of each time step of its loop.
        counts: events of one operation, mean over the vectors; beside those of the clocked engine `column_on_ns`
            and `on_ns`, the time that the columns of its tiles and the chip are on, `charged_ff`, the capacitors that
            are read, `wire_rows`, the rows of cells along which pulses run, and `device_fc`, the charge that the
            devices conduct.
    """

    chip: int
    operation_ns: int
    phases: tuple[str, ...]
    counts: Mapping[Part, float]

    def total(self, kind: str) -> float:
        """Return the events of a kind."""
        return sum(count for part, count in self.counts.items() if part.kind == kind)


def run_power_test(
    compiled: Compiled,
    microcode: Microcode,
    hardware: Callable[[int], ChipHardware],
    seed: int = 0,
    report: Progress = quiet,
) -> tuple[ChipActivity, ...]:
    """Execute the power test on the clocked engine, chip by chip.

    Args:
        compiled: the network.
        microcode: its programs.
        hardware: returns a die by its number.
        seed: of the vectors.
        report: is told the progress.

    Raises:
        HardwareError: a chip refused an action.
    """
    frames = test_vectors(compiled, seed)
    found = []
    for number, program in enumerate(microcode.chips):
        report("power test", number, len(microcode.chips))
        run = ClockedChip(hardware(program.chip), program).run(frames, noise=False, pipelined=TURNS)
        schedule = next(entry for entry in compiled.routing.chips if entry.chip == program.chip)
        layers = _Layers(compiled, schedule)
        counts = _counts(run.events, program, layers, run.activity.frames) | _on_times(
            program, layers, compiled.chip.tile.columns
        )
        counts |= _scaled(counts, "conversions", "charged_ff", compiled.chip.column.capacitance_ff)
        counts |= _scaled(counts, "net_pulses", "wire_rows", compiled.chip.wires)
        counts |= _conducted(counts, charge_of_rows(compiled))
        operation_ns = schedule.operation_ns(compiled.chip.timing)
        found.append(ChipActivity(program.chip, operation_ns, _phases(schedule), counts))
    report("power test", len(microcode.chips), len(microcode.chips))
    return tuple(found)


def test_vectors(compiled: Compiled, seed: int) -> dict[str, torch.Tensor]:
    """Return vector name -> (32, size) int32 signed ticks: normal numbers, clipped at 4 standard deviations."""
    graph, found = compiled.graph, {}
    for layer in graph.layers:
        vector = graph.vector(layer.input)
        if graph.producer(vector.name) is None and vector.name not in found:
            generator = torch_generator(seed, "data", "power", vector.name)
            values = torch.randn((VECTORS, vector.size), generator=generator, dtype=torch.float32)
            signed = values if vector.signed else values.abs()
            found[vector.name] = input_ticks(signed, FULL_SCALE_SIGMA, compiled.chip.timing)
    return found


def plain_microcode(compiled: Compiled) -> Microcode:
    """Return programs for ranges that do not matter: the typical capacitor, zero in the middle of the ramp."""
    zero = compiled.chip.timing.output_max_ns * TICKS_PER_NS // 2
    setting = RampSetting(capacitor_units=compiled.chip.column.typical_units, slope_code=1, zero_ticks=zero)
    ramps = {group.index: setting for group in compiled.mapping.groups}
    return generate(compiled.routing, compiled.mapping, compiled.placement, compiled.graph, ramps, compiled.chip)


def blank_hardware(compiled: Compiled, die: int) -> ChipHardware:
    """Return a die whose devices all have no conductance.

    No count depends on conductances as long as no tile's pulses go to other tiles: every column of a linear output
    sends a pulse.
    """
    chip, instance = compiled.chip, Instance(0).on_chip(die)
    tile = chip.tile
    cells = CellArrays(
        charge=torch.zeros((2, 2, tile.rows + tile.bias_rows, tile.columns), dtype=torch.int16),
        current=torch.zeros((2, tile.rows + tile.bias_rows, tile.columns), dtype=torch.int8),
        variance=torch.zeros((2, tile.rows + tile.bias_rows, tile.columns), dtype=torch.int8),
    )
    return ChipHardware(
        chip=chip,
        instance=instance,
        variance_unit=variance_unit(read_variance_table(chip.pcm)),
        tiles={
            place.site: TileHardware(cells, fabricate_tile(chip, instance, place.site))
            for place in compiled.placement.places
            if place.chip == die
        },
    )


class _Layers:
    """Which layers an event serves, with shares that add up to 1."""

    def __init__(self, compiled: Compiled, schedule: ChipSchedule) -> None:
        self._compiled = compiled
        interval = schedule.interval_steps
        self.together = [[s for n, s in enumerate(schedule.steps) if n % interval == slot] for slot in range(interval)]
        places = zip(compiled.mapping.tiles, compiled.placement.places, strict=True)
        self._at = {place.site: tile.wp1.layer for tile, place in places if place.chip == schedule.chip}
        self._of_name = {f"tile {tuple(site)}": layer for site, layer in self._at.items()}
        self._of_name |= {f"the columns of {name}": layer for name, layer in self._of_name.items()}
        grid = compiled.chip.grid
        self._ilps = {f"ILP {pad.domain}": number for number, pad in enumerate(grid.ilps)}
        self._olps = {f"OLP {pad.domain}": number for number, pad in enumerate(grid.olps)}

    @property
    def tiles(self) -> Mapping[str, int]:
        """Tiles of each layer."""
        return Counter(self._at.values())

    def served(self, who: str, slot: int) -> Mapping[str, float]:
        """Return layer -> share of what a tile, its columns or a landing pad did in a time step of the loop."""
        steps = self.together[slot]
        if who in self._of_name:
            return {self._of_name[who]: 1.0}
        found: list[str] = []
        if who in self._ilps:
            found = [self._at[site] for site in self._fed(self._ilps[who], steps)]
        elif who in self._olps:
            found = list(self._collected(self._olps[who], steps))
        if not found:
            return {SHARED: 1.0}
        return {layer: found.count(layer) / len(found) for layer in dict.fromkeys(found)}

    def _fed(self, ilp: int, steps: list[Step]) -> Iterator[Site]:
        for step in steps:
            for transfer in step.transfers:
                if transfer.ilp == ilp:
                    yield from transfer.rows_of

    def _collected(self, olp: int, steps: list[Step]) -> Iterator[str]:
        groups = self._compiled.mapping.groups
        for step in steps:
            for transfer in step.transfers:
                if transfer.olp == olp and transfer.group is not None:
                    yield groups[transfer.group].layer


def _counts(events: Mapping[Event, float], program: ChipProgram, layers: _Layers, frames: int) -> dict[Part, float]:
    """Return the counts of one operation by kind, step of the loop and layer."""
    found: dict[Part, float] = defaultdict(float)
    shares: dict[tuple[str, int], Mapping[str, float]] = {}
    for event, count in events.items():
        slot = program.slot_at(event.cycle)
        key = (event.who, slot)
        if key not in shares:
            shares[key] = layers.served(event.who, slot)
        for layer, share in shares[key].items():
            found[Part(event.kind, slot, layer)] += count * share / frames
    return dict(found)


def _on_times(program: ChipProgram, layers: _Layers, columns: int) -> dict[Part, float]:
    """Return how long the columns of tiles in use, and the chip, are on in each step of the loop."""
    found = {}
    for slot, length in enumerate(program.slots_ns):
        found[Part("on_ns", slot, SHARED)] = float(length)
        found |= {
            Part("column_on_ns", slot, layer): float(length * tiles * columns) for layer, tiles in layers.tiles.items()
        }
    return found


def _scaled(counts: Mapping[Part, float], kind: str, as_kind: str, scale: float) -> dict[Part, float]:
    """Return the counts of one kind, each so many times, as another kind."""
    return {replace(part, kind=as_kind): count * scale for part, count in counts.items() if part.kind == kind}


def _conducted(counts: Mapping[Part, float], charge_fc: Mapping[str, float]) -> dict[Part, float]:
    """Return the charge through the devices while rows are on."""
    rows = {part: count for part, count in counts.items() if part.kind == "row_ns"}
    return {replace(part, kind="device_fc"): count * charge_fc[part.layer] for part, count in rows.items()}


def _phases(schedule: ChipSchedule) -> tuple[str, ...]:
    """Return the names of the steps of the loop: integrations and output slots, in their order."""
    names: list[str] = []
    for number, step in enumerate(schedule.steps[: schedule.interval_steps], start=1):
        names.append(f"integration {number}" if step.integrations else f"output {number - schedule.integration_steps}")
    return tuple(names)
