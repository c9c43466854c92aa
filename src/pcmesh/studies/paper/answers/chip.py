"""The chip's architecture: inputs of the chip file told again, and what the mesh does with durations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median

from pcmesh.hardware.spec import DEVICES_PER_PAIR, PAIRS_PER_CELL
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.found import Found, given, quoted, simulated
from pcmesh.studies.paper.layers import most, one_layer
from pcmesh.studies.transport import RANGES_NS, VECTORS


def tiles(e: Experiments) -> Found:
    """Count places."""
    return given(e.chip.tiles, "places of the grid")


def crossbar(e: Experiments) -> Found:
    """Multiply."""
    tile = e.chip.tile
    return given((tile.rows, tile.columns * PAIRS_PER_CELL * DEVICES_PER_PAIR), "a tile's rows; columns x 4 devices")


def devices(e: Experiments) -> Found:
    """Multiply."""
    return given(e.chip.devices, "tiles x cells x 4; the paper rounds")


def domains(e: Experiments) -> Found:
    """Count landing pads."""
    pads = (len(e.chip.grid.ilps), len(e.chip.grid.olps))
    return given(min(pads), "landing pads of the grid; row 12 sends to all of them at once")


def input_vector(e: Experiments) -> Found:
    """Count rows, and the bits of the longest pulse."""
    timing = e.chip.timing
    return given(
        (e.chip.tile.rows, int(timing.input_max_ns / timing.input_step_ns).bit_length()), "rows; longest pulse"
    )


def rows_2pcm(e: Experiments) -> Found:
    """Add rows until a second tile is needed."""
    count = most(lambda rows: len(one_layer(e.chip, rows, 8).tiles) == 1, 8192)
    return given(count, "two pairs of devices for each of a tile's rows; the mapping agrees")


def rows_shared(e: Experiments) -> Found:
    """Add rows until the sum is no longer analog."""
    count = most(lambda rows: len(one_layer(e.chip, rows, 8).groups) == 1, 16_384)
    return given(count, "twice as many; the mapping agrees")


def significance(_: Experiments) -> Found:
    """The chip file has no other factor."""
    return given(1, "the chip file knows no other factor: equal pairs of devices weigh the same")


def wires(e: Experiments) -> Found:
    """Count the wires on which pulses arrived after the E-W wires, the N-S wires and the vias of their route."""
    found = e.transport.wires
    return simulated((found.east_west, found.north_south, found.vias), "wires on which every pulse sent arrived")


def instruction(e: Experiments) -> Found:
    """Both are fixed: other lengths and clocks are refused."""
    return given((e.chip.controller.word_bits, e.chip.controller.clock_ns), "other values are not modelled")


def durations(e: Experiments) -> Found:
    """Take the pulse coding."""
    return given((0, e.chip.timing.input_max_ns, e.chip.timing.input_step_ns), "pulse coding of the chip file")


def transport_error(e: Experiments) -> Found:
    """Send durations over the whole chip by executing microcode."""
    dies = e.transport_of_dies
    short, long = (sorted(die.ranges[number].max_error_ns for die in dies) for number in (0, 1))
    grew = sum(die.ranges[1].max_error_ns > die.ranges[0].max_error_ns for die in dies)
    spread = f"{long[0]:g} to {long[-1]:g}, {short[0]:g} to {short[-1]:g}; grows with the duration on {grew}"
    note = f"median of {len(dies)} dies: {spread}; errors of wires and clocks are assumed (docs/physics.md)"
    return simulated((median(long), median(short)), note)


def transport_size(e: Experiments) -> Found:
    """Tell the size of the test."""
    sent = (VECTORS, e.chip.wires, len(RANGES_NS), len(e.chip.grid.olps))
    return given(sent, f"size of the test of row 12: {sent[0] * sent[1]:,} durations in each range")


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
