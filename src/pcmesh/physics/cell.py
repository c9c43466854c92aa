"""Unit cells: from conductances to what the column's capacitor gets, on integer lattices.

Shape legend: P device pairs (WP1, WP2), D polarities (charge +, reversed -), R rows, C columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from pcmesh.devices import law_of
from pcmesh.hardware import PcmSpec
from pcmesh.physics.fabrication import TileFabric
from pcmesh.physics.units import (
    CURRENT_FULL_SCALE_G,
    CURRENT_LEVELS,
    FINE_DIVISIONS,
    MAX_CHARGE_STEPS,
    MAX_STEPS,
    STEPS_PER_G_MAX,
    VARIANCE_LEVELS,
)


@dataclass(frozen=True)
class CellArrays:
    """A tile's cells as integers, bias rows last.

    Attributes:
        charge: (P, D, R, C) int16, or int32 where steps are divided; signed current of a pair as it reaches the
            capacitor in one polarity, in conductance steps, with the gains of branch and direction of the column.
        current: (P, R, C) int8, 0..63: total current of a pair (both branches), for the mirror's compression.
        variance: (P, R, C) int8, 0..63: variance of the read noise of a pair.
    """

    charge: torch.Tensor
    current: torch.Tensor
    variance: torch.Tensor


@lru_cache(16)
def read_variance_table(pcm: PcmSpec) -> torch.Tensor:
    """Return the variance of the read noise (units of g_max²) for each conductance step, (16,384,) float32."""
    g = np.arange(MAX_STEPS + 1) / STEPS_PER_G_MAX
    sigma = law_of(pcm).read_sigma(g, pcm.read_noise_window_s)
    return torch.from_numpy((sigma**2).astype(np.float32))


def variance_unit(table: torch.Tensor) -> float:
    """Return the variance (g_max²) of one level: two devices at their noisiest make 63 levels."""
    return max(2.0 * float(table.max()) / VARIANCE_LEVELS, 1e-30)


def reading_gains(fabric: TileFabric, bank: TileFabric) -> torch.Tensor:
    """Return what a column's charge is of what it should be while single devices are read, (2 branches, C) float32.

    Args:
        fabric: the tile whose devices are read, in the direction of positive inputs.
        bank: the tile whose capacitors, ramp and comparators are used.
    """
    branches = torch.stack([1.0 + fabric.branch + fabric.direction, 1.0 - fabric.branch + fabric.direction])
    return branches * bank.gain


def cell_arrays(g: torch.Tensor, fabric: TileFabric, variance_table: torch.Tensor) -> CellArrays:
    """Return the integer arrays of one tile.

    The gain of branch b (±1) in polarity s (±1) is 1 + b·β + s·δ: first-order mismatch of the mirror's branches (β)
    and of its two steering directions (δ), per column. With AB both cancel exactly (paper: Fig. 3d).

    Args:
        g: (P, 2 branches, R, C) int16 conductances in steps of g_max / 9,600, or int32 in divided steps.
        fabric: the tile's columns.
        variance_table: from `read_variance_table`.
    """
    divisions = FINE_DIVISIONS if g.dtype == torch.int32 else 1
    plus, minus = g[:, 0].to(torch.float32), g[:, 1].to(torch.float32)
    directions = torch.tensor([1.0, -1.0], dtype=torch.float32).view(1, 2, 1, 1) * fabric.direction
    gain_plus = 1.0 + fabric.branch + directions
    gain_minus = 1.0 - fabric.branch + directions
    charge = torch.round(plus[:, None] * gain_plus - minus[:, None] * gain_minus)
    total = (plus + minus) * (CURRENT_LEVELS / CURRENT_FULL_SCALE_G / STEPS_PER_G_MAX / divisions)
    index = g.to(torch.int32) // divisions
    variance = variance_table[index[:, 0]] + variance_table[index[:, 1]]
    levels = torch.round(variance / variance_unit(variance_table))
    return CellArrays(
        charge.clamp_(-MAX_CHARGE_STEPS * divisions, MAX_CHARGE_STEPS * divisions).to(g.dtype),
        torch.round(total).clamp_(0, CURRENT_LEVELS).to(torch.int8),
        levels.clamp_(0, VARIANCE_LEVELS).to(torch.int8),
    )
