"""Small networks, small chips, and random ones of both, for tests of the compiler."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from hypothesis import strategies as st

from pcmesh.hardware import ChipSpec, GridSpec, PadSpec, Site, load_chip
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.network import AnalogLayer, DigitalOperation, LayerGraph, Vector
from pcmesh.network.activation import HARD_SIGMOID, LINEAR, RELU, Activation

KWS_SIZES = (1024, 512, 512, 12)
ACTIVATIONS = (RELU, Activation("relu", 0.0, 4.0), HARD_SIGMOID, Activation("hard-tanh", -1.0, 2.0))


def chain(
    sizes: Sequence[int],
    handed_over: Sequence[bool] | None = None,
    activations: Sequence[Activation] = (RELU,) * 8,
    last: Activation = LINEAR,
) -> LayerGraph:
    """Return a chain of layers; where not handed over (default: all are, by ReLU), a digital copy stands between."""
    handed_over = [True] * (len(sizes) - 2) if handed_over is None else handed_over
    made = [activation if handed else LINEAR for activation, handed in zip(activations, handed_over, strict=False)]
    made += [last] * (len(sizes) - 1 - len(made))
    vectors = [Vector(name="input", size=sizes[0])]
    layers: list[AnalogLayer] = []
    digital: list[DigitalOperation] = []
    weights: dict[str, torch.Tensor] = {}
    for number, (rows, columns) in enumerate(pairwise(sizes)):
        activation = made[number]
        output = Vector(name=f"out{number}", size=columns, signed=activation.is_linear)
        limits = (activation.lower, activation.upper) if activation.upper < torch.inf else None
        layers.append(
            AnalogLayer(
                name=f"fc{number}",
                input=vectors[-1].name,
                output=output.name,
                activation=activation.kind,
                limits=limits,
            )
        )
        weights[f"fc{number}"] = torch.zeros(rows, columns)
        vectors.append(output)
        if number >= len(handed_over) or not handed_over[number]:
            copy = Vector(name=f"copy{number}", size=columns)
            digital.append(
                DigitalOperation(
                    name=f"copy{number}", kind="copy", inputs=(output.name,), outputs=(copy.name,), operations=0
                )
            )
            vectors.append(copy)
    return LayerGraph("chain", tuple(vectors), tuple(layers), tuple(digital), weights)


def side_by_side(number: int, rows: int, columns: int) -> LayerGraph:
    """Return layers that have nothing to do with each other."""
    vectors = [
        Vector(name=f"{end}{n}", size=size) for n in range(number) for end, size in (("x", rows), ("y", columns))
    ]
    layers = [AnalogLayer(name=f"fc{n}", input=f"x{n}", output=f"y{n}") for n in range(number)]
    weights = {f"fc{n}": torch.zeros(rows, columns) for n in range(number)}
    return LayerGraph("side-by-side", tuple(vectors), tuple(layers), (), weights)


def fan_out() -> LayerGraph:
    """Return a network in which two layers share an input, two take one output, and that also goes off-chip."""
    sizes = {"x": 16, "hidden": 8, "a": 8, "b": 12, "c": 8}
    ways = {"fc0": ("x", "hidden"), "fc1": ("hidden", "a"), "fc2": ("hidden", "b"), "fc3": ("x", "c")}
    return LayerGraph(
        "fan-out",
        tuple(Vector(name=name, size=size, signed=name != "hidden") for name, size in sizes.items()),
        tuple(
            AnalogLayer(name=name, input=start, output=end, activation="relu" if end == "hidden" else "linear")
            for name, (start, end) in ways.items()
        ),
        (DigitalOperation(name="watch", kind="copy", inputs=("hidden",), outputs=(), operations=0),),
        {name: torch.zeros(sizes[start], sizes[end]) for name, (start, end) in ways.items()},
    )


def grid_chip(
    grid_rows: int = 2,
    grid_columns: int = 2,
    tile: tuple[int, int] = (8, 8),
    gaps: Sequence[Site] = (),
    pads: Sequence[PadSpec] | None = None,
) -> ChipSpec:
    """Return the preset chip with another grid and tile; by default one ILP and one OLP in the west."""
    base = load_chip()
    pads = [PadSpec(domain="W", edge="west", ilp_row=0, olp_row=1)] if pads is None else pads
    grid = GridSpec(rows=grid_rows, columns=grid_columns, gaps=tuple(gaps), pads=tuple(pads))
    return base.model_copy(
        update={"grid": grid, "tile": base.tile.model_copy(update={"rows": tile[0], "columns": tile[1]})}
    )


@st.composite
def random_chips(draw: st.DrawFn) -> ChipSpec:
    """Return a chip of 2 x 2 to 4 x 4 places, with a gap or none, tiles of 8 to 32 rows, one to four pads."""
    rows, columns = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    places = [Site(row, column) for row in range(rows) for column in range(columns)]
    gaps = draw(st.lists(st.sampled_from(places), max_size=1))
    ends = [(edge, 2 * number) for edge in ("west", "east") for number in range(rows // 2)]
    chosen = draw(st.lists(st.sampled_from(ends), min_size=1, unique=True))
    swapped = draw(st.booleans())
    pads = [
        PadSpec(domain=f"{edge}{row}", edge=edge, ilp_row=row + swapped, olp_row=row + 1 - swapped)
        for edge, row in chosen
    ]
    tile = (2 * draw(st.integers(4, 16)), 2 * draw(st.integers(4, 16)))
    return grid_chip(rows, columns, tile, gaps, pads)


@st.composite
def random_networks(draw: st.DrawFn, chip: ChipSpec) -> tuple[LayerGraph, dict[str, LayerOptions]]:
    """Return a chain of one to three layers of up to three row and two column blocks, with random options."""
    length = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, 3 * chip.tile.rows))]
    sizes += [draw(st.integers(1, 2 * min(chip.tile.rows, chip.tile.columns))) for _ in range(length)]
    handed_over = [draw(st.booleans()) for _ in range(length - 1)]
    options = {
        f"fc{number}": LayerOptions(
            encoding=draw(st.sampled_from(Encoding)), share_capacitors=draw(st.sampled_from((True, True, False)))
        )
        for number in range(length)
    }
    activations = [draw(st.sampled_from(ACTIVATIONS)) for _ in handed_over]
    return chain(sizes, handed_over, activations, draw(st.sampled_from((LINEAR, *ACTIVATIONS)))), options
