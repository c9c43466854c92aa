"""What shall be written: a layer's matrix, its Max W, slope factors and bias, as targets of device pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import ColumnGroup, Lane, Mapping, TileImage

_LARGEST_EXCESS = 4.0
"""No weight may be more than this many times Max W."""
LARGEST_TARGET = 1.05
"""Largest target in units of g_max; the mean device reaches 1.1."""


@dataclass(frozen=True)
class LayerTargets:
    """Targets of one layer.

    Attributes:
        weight: (rows, columns) float32, the network's weights.
        max_weight: the weight that becomes g_max ("Max W").
        slope: (columns,) factor on each column, from calibration (1: nominal).
        bias: (columns,) what the bias rows shall add to each pair, in units of g_max per row driven for the longest
            pulse; spread over all bias rows.
    """

    weight: torch.Tensor
    max_weight: float
    slope: torch.Tensor
    bias: torch.Tensor

    @classmethod
    def nominal(cls, weight: torch.Tensor, max_weight: float) -> LayerTargets:
        """Return the targets before any calibration: no slopes, no bias."""
        columns = weight.shape[1]
        return cls(
            weight, max_weight, torch.ones(columns, dtype=torch.float32), torch.zeros(columns, dtype=torch.float32)
        )


def largest_weight(weight: torch.Tensor, saturated_share: float) -> float:
    """Return the smallest "Max W" that a layer may have: its largest weight, but for a few.

    Args:
        weight: (rows, columns).
        saturated_share: share of the weights that may lie beyond Max W: more signal for all others (paper: Extended
            Data Fig. 4, "bigger Max W").
    """
    magnitude = weight.abs().flatten()
    rank = max(1, math.ceil((1 - saturated_share) * magnitude.numel()))
    return max(float(torch.kthvalue(magnitude, rank).values), float(magnitude.max()) / _LARGEST_EXCESS, 1e-12)


def physical_columns(group: ColumnGroup) -> torch.Tensor:
    """Return the physical column of each of a group's columns, (columns,) int64: 0, 1, 2.., or every second one."""
    step = 1 if group.lane is Lane.ALL else 2
    return torch.arange(group.columns) * step + int(group.lane is Lane.ODD)


def tile_targets(
    mapping: Mapping, tile: TileImage, targets: LayerTargets, chip: ChipSpec, reach: float = LARGEST_TARGET
) -> torch.Tensor:
    """Return the targets of one tile's pairs, (2, rows + bias rows, columns) float32 in units of g_max.

    Cells without a weight are 0. Bias rows are used on the last tile of a group (the one whose capacitors count).
    No target is beyond `reach`: by default the largest that a device is asked for.
    """
    group = mapping.groups[tile.group]
    columns = physical_columns(group)
    out = torch.zeros(2, chip.tile.rows + chip.tile.bias_rows, chip.tile.columns, dtype=torch.float32)
    part = slice(group.column_start, group.column_stop)
    biased = chip.tile.bias_rows > 0 and tile.index == group.tiles[-1]
    for pair in (1, 2):
        block = tile.block(pair)
        if block is None:
            continue
        factor = block.sign * tile.encoding.record.amplitude
        weight = targets.weight[block.row_start : block.row_stop, part] * targets.slope[part]
        out[pair - 1, : block.rows, columns] = weight * (factor / targets.max_weight)
        if biased:
            share = targets.bias[part] * (factor / chip.tile.bias_rows)
            out[pair - 1, chip.tile.rows :, columns] = share.expand(chip.tile.bias_rows, -1)
    return out.clamp_(-reach, reach)
