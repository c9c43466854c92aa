"""Places and routes of a user's network: every layer takes a vector in each frame, all layers at once (a pipeline)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pcmesh.calibration.nominal import nominal_ramps
from pcmesh.calibration.ranges import LayerRange
from pcmesh.compiled import CompiledNetwork
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.microcode.generate import generate
from pcmesh.network import LayerGraph
from pcmesh.placement import Placement
from pcmesh.placement.place import place
from pcmesh.routing import Routing
from pcmesh.routing.route import route


@dataclass(frozen=True)
class Routes:
    """Where every tile is, and which way every vector takes in which time step."""

    placement: Placement
    routing: Routing

    @classmethod
    def of(
        cls, graph: LayerGraph, mapping: TileMapping, chip: ChipSpec, known: CompiledNetwork | None = None
    ) -> Routes:
        """Return the routes of layers with digital ends; those of a network mapped alike are taken over.

        Raises:
            CapacityError: there is no way for some vector; the message says what is short.
        """
        if known is not None and known.mapping == mapping and known.chip == chip:
            return cls(known.placement, known.routing)
        placement = place(mapping, chip)
        return cls(placement, route(mapping, placement, graph, chip))

    def compiled(
        self, graph: LayerGraph, mapping: TileMapping, chip: ChipSpec, ranges: Mapping[str, LayerRange]
    ) -> CompiledNetwork:
        """Return the network with the controllers' programs, for the ranges that its columns are read in.

        Raises:
            CapacityError: a program is longer than a controller's memory.
        """
        ramps = nominal_ramps(mapping, chip, ranges)
        microcode = generate(self.routing, mapping, self.placement, graph, ramps, chip)
        return CompiledNetwork(chip, graph, mapping, self.placement, self.routing, dict(ranges), microcode)


@dataclass(frozen=True)
class RouteFigures:
    """Routes of one chip.

    Attributes:
        chip: from 1.
        steps: time steps of a frame, in which every layer of the chip takes one vector.
        output_slots: steps in which a vector goes to an OLP.
        time_ns: length of a frame.
        interval_ns: from one frame to the next.
        sram_words, sram_words_available: of the longest controller program.
    """

    chip: int
    steps: int
    output_slots: int
    time_ns: int
    interval_ns: int
    sram_words: int
    sram_words_available: int


def route_figures(compiled: CompiledNetwork | None) -> tuple[RouteFigures, ...]:
    """Return the figures of every chip; none where there are no routes."""
    if compiled is None:
        return ()
    timing, found = compiled.chip.timing, []
    for schedule, programs in zip(compiled.routing.chips, compiled.microcode.chips, strict=True):
        words = max((len(program.words) for _, program in programs.programs), default=0)
        found.append(
            RouteFigures(
                chip=schedule.chip + 1,
                steps=len(schedule.steps),
                output_slots=schedule.output_slots,
                time_ns=schedule.operation_ns(timing),
                interval_ns=schedule.interval_ns(timing),
                sram_words=words,
                sram_words_available=compiled.chip.controller.sram_words,
            )
        )
    return tuple(found)
