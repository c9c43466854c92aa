"""Weight expansion on simulated devices: how signal and noise grow with the rows.

Source: Ambrogio et al., Nature 620, 768 (2023), Fig. 5d: Wx2 = Wx · pinv(M), M random normal and fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import map_network
from pcmesh.mapping.rows import Expansion, normal_matrix
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.physics.fabrication import Instance
from pcmesh.placement import place
from pcmesh.programming.chip import fabricate, program
from pcmesh.programming.quality import programming_quality
from pcmesh.programming.targets import LayerTargets, largest_weight
from pcmesh.progress import Progress
from pcmesh.random import torch_generator

FEATURES, COLUMNS = 32, 512
ROWS = (128, 256, 512, 1024)
_FRAMES = 400


@dataclass(frozen=True)
class ExpansionPoint:
    """A product expanded to so many rows.

    Attributes:
        rows: of Wx2.
        signal: standard deviation of the product, in rows driven for the longest pulse into the largest weight.
        noise: standard deviation of what the programming errors of WP1 add to it, in the same unit.
    """

    rows: int
    signal: float
    noise: float


def expansion_law(chip: ChipSpec, seed: int, report: Progress) -> tuple[ExpansionPoint, ...]:
    """Program one column block of a layer of 32 inputs, expanded to more and more rows, and see what its errors do."""
    found = []
    for number, rows in enumerate(ROWS):
        report("weight expansion", number, len(ROWS))
        found.append(_point(chip, seed, rows))
    report("weight expansion", len(ROWS), len(ROWS))
    return tuple(found)


def powers(points: Sequence[ExpansionPoint]) -> tuple[float, float]:
    """Return the powers of the number of rows with which signal and noise grow (least squares of the logarithms)."""
    rows = np.log([point.rows for point in points])
    slopes = [np.polyfit(rows, np.log([getattr(p, name) for p in points]), 1)[0] for name in ("signal", "noise")]
    return float(slopes[0]), float(slopes[1])


def _point(chip: ChipSpec, seed: int, rows: int) -> ExpansionPoint:
    generator = torch_generator(seed, "data", "expansion")
    weight = torch.randn(FEATURES, COLUMNS, generator=generator)
    frames = torch.randn(_FRAMES, FEATURES, generator=generator)
    expansion = Expansion(normal_matrix(rows, FEATURES, torch_generator(seed, "data", "expansion", rows)))
    expanded, inputs = expansion.weight(weight), expansion.inputs(frames)
    graph = LayerGraph(
        "expansion",
        (Vector(name="x", size=rows), Vector(name="y", size=COLUMNS)),
        (AnalogLayer(name="wx", input="x", output="y"),),
        (),
        {"wx": expanded},
    )
    mapping = map_network(graph, chip)
    targets = {"wx": LayerTargets.nominal(expanded, largest_weight(expanded, chip.programming.saturated_share))}
    network = program(fabricate(chip, Instance(seed), mapping, place(mapping, chip)), targets, 0)
    errors = torch.cat([pair.error for pair in programming_quality(network) if pair.pair == 1])
    driven = inputs / inputs.abs().max()
    signal = driven @ (expanded / targets["wx"].max_weight)
    return ExpansionPoint(rows, float(signal.std()), float((driven @ errors).std()))
