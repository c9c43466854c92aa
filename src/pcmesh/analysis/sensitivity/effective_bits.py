"""Effective precision of a chip: how many bits of weights would lose as much accuracy as it does.

Source: Ambrogio et al., Nature 620, 768 (2023), Methods, "RNNT MAC and end-to-end accuracy" (4.097 and 4.153 bits).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pcmesh.analysis.accuracy import interval_95
from pcmesh.analysis.sensitivity.curves import Curve
from pcmesh.analysis.sensitivity.thresholds import bits_of
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import map_network
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.physics.fabrication import Instance
from pcmesh.placement.place import place
from pcmesh.programming.chip import fabricate, program
from pcmesh.programming.quality import programming_quality
from pcmesh.programming.targets import LayerTargets, largest_weight


@dataclass(frozen=True)
class EffectiveBits:
    """Bits by chip, read off a curve of accuracy against bits.

    Attributes:
        per_chip: of each chip; ±inf: its accuracy lies beyond the curve's ends.
        mean: of the chips' mean accuracy.
        interval: the same of the ends of that mean's 95 % interval (Student's t over chips); None for one chip.
    """

    per_chip: tuple[float, ...]
    mean: float
    interval: tuple[float, float] | None


def effective_bits(curve: Curve, accuracies: Sequence[float]) -> EffectiveBits:
    """Read the effective bits of chips off the curve of the network that runs on them.

    Args:
        curve: of all weights that the chip holds.
        accuracies: of each chip.
    """
    found = tuple(bits_of(curve.bits, curve.accuracies, value) for value in accuracies)
    low, mean, high = (
        bits_of(curve.bits, curve.accuracies, value)
        for value in (interval_95(accuracies)[0], float(np.mean(accuracies)), interval_95(accuracies)[1])
    )
    return EffectiveBits(found, mean, (low, high) if len(found) > 1 else None)


def bits_of_weight_error(sigma: float) -> float:
    """Return the bits whose rounding error has a standard deviation of `sigma` (share of the largest weight).

    A step of 2 / 2^bits has a uniform error of step / sqrt(12).
    """
    return math.log2(2 / (sigma * math.sqrt(12)))


def bits_of_programming(chip: ChipSpec, weight: Tensor, seed: int = 0) -> float:
    """Return the bits that round a matrix as badly as writing it on a chip does.

    Args:
        chip: the chip.
        weight: (rows, columns) float32, of at most two tiles' rows and one tile's columns.
        seed: of fabrication and programming.
    """
    vectors = (Vector(name="x", size=weight.shape[0]), Vector(name="y", size=weight.shape[1]))
    layer = AnalogLayer(name="layer", input="x", output="y")
    mapping = map_network(LayerGraph("probe", vectors, (layer,), (), {"layer": weight}), chip)
    targets = {"layer": LayerTargets.nominal(weight, largest_weight(weight, chip.programming.saturated_share))}
    network = program(fabricate(chip, Instance(seed), mapping, place(mapping, chip)), targets, 0)
    errors = torch.cat([pair.error.flatten() for pair in programming_quality(network)])
    return bits_of_weight_error(max(float(errors.std()), 1e-9))
