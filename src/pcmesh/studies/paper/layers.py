"""What the compiler does with a single layer of some size."""

from __future__ import annotations

from collections.abc import Callable

import torch

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding, LayerOptions, Mapping, map_network
from pcmesh.network import AnalogLayer, LayerGraph, Vector


def one_layer(chip: ChipSpec, rows: int, columns: int) -> Mapping:
    """Map a single layer of that size with two devices a weight."""
    graph = LayerGraph(
        "probe",
        (Vector(name="x", size=rows), Vector(name="y", size=columns)),
        (AnalogLayer(name="layer", input="x", output="y"),),
        (),
        {"layer": torch.zeros(rows, columns)},
    )
    return map_network(graph, chip, {"layer": LayerOptions(encoding=Encoding.PCM2)})


def most(fits: Callable[[int], bool], beyond: int) -> int:
    """Return the largest number from 1 that fits; all below it fit, `beyond` does not."""
    low, high = 1, beyond
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
