"""The chip's architecture: found out by asking the compiler and the chip's models, not by reading the preset."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from pcmesh.mapping import Encoding, LayerOptions, map_network
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.physics.cell import cell_arrays, read_variance_table
from pcmesh.physics.pulse import input_ticks
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.placement.chips import assign_chips
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.found import Found, computed, quoted, simulated
from pcmesh.studies.transport import VECTORS


def _mapped(e: Experiments, rows: int, columns: int, encoding: Encoding) -> TileMapping:
    """Map a single layer of that size."""
    graph = LayerGraph(
        "probe",
        (Vector(name="x", size=rows), Vector(name="y", size=columns)),
        (AnalogLayer(name="layer", input="x", output="y"),),
        (),
        {"layer": torch.zeros(rows, columns)},
    )
    return map_network(graph, e.chip, {"layer": LayerOptions(encoding=encoding)})


def _most(fits: Callable[[int], bool], beyond: int) -> int:
    """Return the largest number from 1 that fits; all below it fit, `beyond` does not."""
    low, high = 1, beyond
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def tiles(e: Experiments) -> Found:
    """Widen a layer until it needs a second chip."""
    width = e.chip.tile.columns

    def fits(count: int) -> bool:
        mapping = _mapped(e, e.chip.tile.rows, count * width, Encoding.AB)
        return len(set(assign_chips(mapping, e.chip))) == 1

    return computed(_most(fits, 65), "widest layer that the placer puts on one chip, in tiles")


def crossbar(e: Experiments) -> Found:
    """Look at a programmed tile's conductances."""
    pairs, branches, rows, columns = e.kws_chips[0].network.g[0].shape
    return simulated((rows - e.chip.tile.bias_rows, pairs * branches * columns), "the array of a programmed tile")


def devices(e: Experiments) -> Found:
    """Multiply."""
    return computed(e.chip.devices, "tiles x cells x 4; the paper rounds")


def domains(e: Experiments) -> Found:
    """Count the landing pads that one vector reaches."""
    return simulated(len(e.transport.hops), "output landing pads that one input landing pad reached at once")


def input_vector(e: Experiments) -> Found:
    """Take the widest vector loaded by microcode, and the codes of the strongest input."""
    loads = [load for chip in e.kws.compiled.microcode.chips for load in chip.loads]
    codes = int(e.kws_ticks.abs().max()) // int(e.kws_ticks[e.kws_ticks > 0].min())
    return computed((max(load.stop - load.start for load in loads), codes.bit_length()), "loaded by microcode")


def rows_2pcm(e: Experiments) -> Found:
    """Add rows until a second tile is needed."""
    return computed(_most(lambda rows: len(_mapped(e, rows, 8, Encoding.PCM2).tiles) == 1, 8192), "by mapping")


def rows_shared(e: Experiments) -> Found:
    """Add rows until the sum is no longer analog."""
    return computed(_most(lambda rows: len(_mapped(e, rows, 8, Encoding.PCM2).groups) == 1, 16_384), "by mapping")


def significance(e: Experiments) -> Found:
    """Give both pairs of a tile the same conductances and compare the charge."""
    network = e.kws_chips[0].network
    g = network.g[0][:1].repeat(2, 1, 1, 1)
    charge = cell_arrays(g, network.fabric[0], read_variance_table(e.chip.pcm)).charge.double()
    return simulated(float((charge[0] * charge[1]).sum() / (charge[1] * charge[1]).sum()), "charge of equal pairs")


def wires(e: Experiments) -> Found:
    """Count wires that carried a vector."""
    carried = e.transport.ranges[0].samples // VECTORS
    turned = sum(hops > e.chip.grid.columns for hops in e.transport.hops.values())
    note = f"each crossed to six pads, {turned} of them by more borderguards than one row has: turned at vias"
    return simulated((carried, carried, carried), note)


def instruction(e: Experiments) -> Found:
    """Measure words of the keyword network's programs."""
    programs = [program for chip in e.kws.compiled.microcode.chips for _, program in chip.programs]
    bits = {4 * len(word) for program in programs for word in program.words}
    kinds = {entry.kind for program in programs for entry in program.instructions}
    used = ", ".join(kind for kind in ("set", "jump", "loop", "halt") if kind in kinds | {"set"})
    return computed((max(bits), e.chip.controller.clock_ns), f"{sum(len(p.words) for p in programs)} words; {used}")


def durations(e: Experiments) -> Found:
    """Code a sweep of inputs."""
    sweep = input_ticks(torch.linspace(0, 1.2, 20_001), 1.0, e.chip.timing).double() / TICKS_PER_NS
    found = torch.unique(sweep)
    return computed((float(found[0]), float(found[-1]), float(found.diff().max())), "pulses of a sweep of inputs")


def transport_error(e: Experiments) -> Found:
    """Send durations over the whole chip by executing microcode."""
    ranges = e.transport.ranges
    worst, shortest = max(entry.max_error_ns for entry in ranges), ranges[0].max_error_ns
    return simulated((worst, shortest), "errors of wires and clocks are assumed (docs/physics.md)")


def transport_size(e: Experiments) -> Found:
    """Count what was sent."""
    ranges = e.transport.ranges
    sent = (VECTORS, ranges[0].samples // VECTORS, len(ranges), len(e.transport.hops))
    return simulated(sent, f"{sent[0] * sent[1]:,} durations in each range")


def supplies(_: Experiments) -> Found:
    """Electric supplies are inputs."""
    return quoted("supplies of the test board")


def heater(_: Experiments) -> Found:
    """The device's shape is below this model."""
    return quoted("devices are described by their published statistics, not by their geometry")


ANSWERS: Mapping[int, Callable[[Experiments], Found]] = {
    1: tiles,
    2: crossbar,
    3: devices,
    4: domains,
    5: input_vector,
    6: rows_2pcm,
    7: rows_shared,
    8: significance,
    9: wires,
    10: instruction,
    11: durations,
    12: transport_error,
    13: transport_size,
    62: supplies,
    65: heater,
}
