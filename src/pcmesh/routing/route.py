"""The router: every vector of a frame on its way over the mesh, step by step."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass

from pcmesh.errors import CapacityError
from pcmesh.hardware import ChipSpec, Site
from pcmesh.hardware.mesh import Guard, Mesh, Net, columns_net
from pcmesh.mapping import Encoding, Mapping
from pcmesh.network import LayerGraph
from pcmesh.placement import Placement
from pcmesh.placement.timeline import Feed, TimelineStep, timeline, vector_limits
from pcmesh.routing.inputs import Demand, Tree, route_inputs
from pcmesh.routing.outputs import Output, OutputPath, can_fit, fewest_slots, route_outputs
from pcmesh.routing.types import ChipSchedule, GroupReadout, Hop, Integration, Operand, Routing, Side, Step, Transfer
from pcmesh.routing.verify import verify_routing


def route(mapping: Mapping, placement: Placement, graph: LayerGraph, chip: ChipSpec) -> Routing:
    """Build the schedule of all chips: integration steps, hand-overs from tile to tile, output slots.

    The number of slots is the smallest for which ways were found; ways are short, but not always the shortest. The
    answer does not depend on the machine.

    Raises:
        CapacityError: vectors cannot pass at the same time; the message names chip and step.
    """
    mesh = Mesh(chip.grid)
    routes = _Routes(mesh)
    chips = tuple(_Chip(mapping, placement, graph, chip, number, routes).schedule() for number in _used(placement))
    routing = Routing(chips=chips)
    verify_routing(routing, mapping, placement, graph, chip)
    return routing


def off_chip_layers(graph: LayerGraph) -> frozenset[str]:
    """Return the layers whose output leaves the chip: a digital operation takes it, or nothing on the chip does."""
    digital = {name for operation in graph.digital for name in operation.inputs}
    return frozenset(
        layer.name for layer in graph.layers if layer.output in digital or not graph.consumers(layer.output)
    )


def _used(placement: Placement) -> list[int]:
    return sorted({place.chip for place in placement.places})


class _Routes:
    """Ways already found: chips and steps that look alike to the mesh get the same ways."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.known: list[dict[Demand, Tree]] = []
        self.known_outputs: dict[object, list[OutputPath] | None] = {}

    def inputs(
        self, demands: Sequence[Demand], where: str, settled: Dict[Demand, Sequence[Tree]]
    ) -> dict[Demand, Tree]:
        """Return the trees of one step's vectors; each holds the ways that are settled for it."""
        for trees in self.known:
            if trees.keys() >= set(demands) and all(
                trees[demand].holds(branch) for demand, branches in settled.items() for branch in branches
            ):
                return {demand: trees[demand] for demand in demands}
        self.known.append(route_inputs(self.mesh, demands, where, settled))
        return self.known[-1]

    def outputs(self, outputs: Sequence[Output], blocked: Sequence[frozenset[Net]]) -> dict[int, OutputPath] | None:
        """Return the paths of the banks, by group; None where there are none in these slots."""
        seen = (tuple(output[1:] for output in outputs), tuple(blocked))
        if seen not in self.known_outputs:
            found = route_outputs(self.mesh, outputs, blocked)
            self.known_outputs[seen] = None if found is None else [found[output.group] for output in outputs]
        paths = self.known_outputs[seen]
        return None if paths is None else {output.group: path for output, path in zip(outputs, paths, strict=True)}


@dataclass(frozen=True)
class _Outputs:
    """The output slots of a chip, and after how many steps the next frame starts."""

    paths: dict[int, OutputPath]
    slots: int
    interval: int


class _Chip:
    """One chip's schedule in the making."""

    def __init__(
        self,
        mapping: Mapping,
        placement: Placement,
        graph: LayerGraph,
        chip: ChipSpec,
        number: int,
        routes: _Routes,
    ) -> None:
        self.mapping = mapping
        self.graph = graph
        self.chip = chip
        self.number = number
        self.routes = routes
        self.site = {index: place.site for index, place in enumerate(placement.places) if place.chip == number}
        self.groups = [group.index for group in mapping.groups if group.tiles[0] in self.site]

    def schedule(self) -> ChipSchedule:
        """Route all steps."""
        steps, trees = self._integration()
        outputs = self._output_paths(steps, trees)
        made = [self._integration_step(step, ways) for step, ways in zip(steps, trees, strict=True)]
        made += [self._output_step(outputs.paths, slot) for slot in range(outputs.slots)]
        return ChipSchedule(chip=self.number, steps=tuple(made), interval_steps=outputs.interval)

    def _integration(self) -> tuple[tuple[TimelineStep, ...], list[dict[Demand, Tree]]]:
        """Route the integration steps, with as many vectors at a time as pass."""
        ilps = len(self.chip.grid.ilps)
        congested: CapacityError | None = None
        for vectors in vector_limits(ilps):
            steps = timeline(self.mapping, self.groups, ilps, vectors)
            try:
                return steps, self._input_trees(steps)
            except CapacityError as error:
                congested = congested or error
        assert congested is not None  # there is at least one limit
        raise congested

    def _bank(self, group: int) -> Site:
        return self.site[self.mapping.groups[group].tiles[-1]]

    def _demand(self, feed: Feed) -> Demand:
        bank = None if feed.group is None else columns_net(self._bank(feed.group))
        return Demand(bank, tuple(sorted(self.site[tile] for tile in feed.tiles)))

    def _input_trees(self, steps: Sequence[TimelineStep]) -> list[dict[Demand, Tree]]:
        """Route the steps, the fullest first: a step whose vectors are among another's takes their ways.

        A tile is reached over one way in all its phases, so that its pulses widen alike and one fit holds for all.
        """
        trees: dict[int, dict[Demand, Tree]] = {}
        ways: dict[tuple[int, int], Tree] = {}
        for index in sorted(range(len(steps)), key=lambda index: -len(steps[index].feeds)):
            step = steps[index]
            settled = {self._demand(feed): self._settled(feed, step, ways) for feed in step.feeds}
            found = self.routes.inputs([*settled], f"chip {self.number}, step {index + 1}", settled)
            trees[index] = found
            for feed in step.feeds:
                for tile in feed.tiles:
                    ways.setdefault(self._rows(tile, step), found[self._demand(feed)].branch(self.site[tile]))
        return [trees[index] for index in range(len(steps))]

    def _settled(self, feed: Feed, step: TimelineStep, ways: Dict[tuple[int, int], Tree]) -> tuple[Tree, ...]:
        """Return the ways to a vector's tiles that other steps take already."""
        keys = (self._rows(tile, step) for tile in feed.tiles)
        return tuple(ways[key] for key in keys if key in ways)

    def _rows(self, tile: int, step: TimelineStep) -> tuple[int, int]:
        """Return a tile and which of its rows' vectors arrives in a step: of 2-PCM, each pair has its own."""
        image = self.mapping.tiles[tile]
        own = image.encoding is Encoding.PCM2 and image.wp2 is not None
        return tile, step.phases[tile].pairs[0] if own else 0

    def _output_paths(self, steps: Sequence[TimelineStep], trees: Sequence[dict[Demand, Tree]]) -> _Outputs:
        """Find the fewest slots, and within them the shortest interval between frames."""
        leaving = off_chip_layers(self.graph)
        groups = [group for group in self.groups if self.mapping.groups[group].layer in leaving]
        lanes = [Output(group, columns_net(self._bank(group)), self.mapping.groups[group].lane, ()) for group in groups]
        busy = [self._nets(ways) for ways in trees]
        starts = {group: self._first_step(group, steps) for group in groups}
        olps = len(self.chip.grid.olps)
        for slots in range(fewest_slots(lanes, olps), len(groups) + 1):
            # Output slots overlap integration steps of the next frame only, not its output slots.
            for interval in range(max(len(steps), slots), len(steps) + slots + 1):
                times = range(len(steps), len(steps) + slots)
                # A bank is read before its own next frame, and beside the next frame's vectors.
                outputs = [
                    output._replace(
                        slots=tuple(slot for slot, time in enumerate(times) if time < starts[output.group] + interval)
                    )
                    for output in lanes
                ]
                blocked = [busy[time - interval] if time >= interval else frozenset() for time in times]
                if not can_fit(outputs, slots, olps):
                    continue
                paths = self.routes.outputs(outputs, blocked)
                if paths is not None:
                    return _Outputs(paths, slots, interval)
        raise CapacityError(
            f"chip {self.number}: {len(groups)} output vectors cannot reach the {olps} output landing pads, even in "
            f"{len(groups)} slots",
            "Use a chip whose landing pads the mesh connects",
        )

    def _first_step(self, group: int, steps: Sequence[TimelineStep]) -> int:
        tiles = self.mapping.groups[group].tiles
        return next(index for index, step in enumerate(steps) if any(tile in step.phases for tile in tiles))

    def _nets(self, ways: dict[Demand, Tree]) -> frozenset[Net]:
        pads = self.routes.mesh.pads(self.chip.grid.ilps)
        nets: set[Net] = set()
        for demand, way in ways.items():
            source = demand.bank if way.ilp is None else pads[way.ilp]
            assert source is not None  # a way without an ILP starts at a bank
            nets.update(way.nets(source))
        return frozenset(nets)

    def _integration_step(self, step: TimelineStep, ways: dict[Demand, Tree]) -> Step:
        transfers = []
        for feed in step.feeds:
            demand = self._demand(feed)
            way = ways[demand]
            operand = Operand(
                vector=feed.slice.vector, start=feed.slice.start, stop=feed.slice.stop, part=feed.slice.part
            )
            transfers.append(
                Transfer(
                    ilp=way.ilp,
                    operand=operand if feed.group is None else None,
                    group=feed.group,
                    hops=_hops(way.guards),
                    rows_of=demand.rows_of,
                )
            )
        return Step(
            transfers=tuple(transfers),
            integrations=tuple(
                Integration(tile=tile, site=self.site[tile], phase=phase) for tile, phase in step.phases.items()
            ),
            readouts=tuple(
                self._readout(group) for group in sorted({f.group for f in step.feeds if f.group is not None})
            ),
        )

    def _output_step(self, paths: dict[int, OutputPath], slot: int) -> Step:
        chosen = {group: path for group, path in paths.items() if path.slot == slot}
        return Step(
            transfers=tuple(
                Transfer(group=group, lane=self.mapping.groups[group].lane, hops=_hops(path.guards), olp=path.olp)
                for group, path in chosen.items()
            ),
            readouts=tuple(self._readout(group) for group in chosen),
        )

    def _readout(self, group: int) -> GroupReadout:
        """Return the readout of a bank; a term of a digital sum keeps its sign, whatever the activation."""
        entry = self.mapping.groups[group]
        activation = "linear" if self.mapping.is_partial(entry) else self.graph.layer(entry.layer).activation
        return GroupReadout(group=group, site=self._bank(group), activation=activation)


def _hops(guards: Sequence[Guard]) -> tuple[Hop, ...]:
    return tuple(Hop(site=guard.site, side=Side(guard.side), direction=guard.direction) for guard in guards)
