"""Least-squares fits between what columns gave and what they should give."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class ColumnFit:
    """measured ≈ slope·expected + offset, per column; (columns,) float32 each."""

    slope: torch.Tensor
    offset: torch.Tensor


def fit_columns(measured: torch.Tensor, expected: torch.Tensor, weight: torch.Tensor | None = None) -> ColumnFit:
    """Fit slope and offset of every column (paper: Methods, "data were linearly fitted").

    Columns whose expected values hardly vary get slope 1.

    Args:
        measured: (inputs, columns).
        expected: (inputs, columns), in the same unit.
        weight: (inputs, columns) 0 or 1; 0 leaves a value out (saturated outputs).
    """
    w = torch.ones_like(expected) if weight is None else weight
    count = w.sum(0).clamp(min=1)
    mean_x, mean_y = (w * expected).sum(0) / count, (w * measured).sum(0) / count
    dx, dy = expected - mean_x, measured - mean_y
    variance = (w * dx * dx).sum(0)
    floor = 1e-6 * variance.max().clamp(min=1e-30)
    slope = torch.where(variance > floor, (w * dx * dy).sum(0) / variance.clamp(min=1e-30), torch.ones_like(variance))
    return ColumnFit(slope, mean_y - slope * mean_x)
