"""Factors of rows and columns that make a matrix fill the conductances and its inputs fill the pulses.

y = x W is computed as y = ((x / r) (r W c)) / c: the factors of inputs and outputs are digital and join the scaling
that every input and every code gets anyway. A column is as large as its largest weight allows, so that programming
errors, which hardly depend on the weight, matter less in columns of small weights. A row's factor shares a difference
of size between input and weight, as Xiao et al. do before quantising (SmoothQuant, ICML 2023).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_LARGEST = 64.0
"""No factor is more than this many times the median one: rows and columns that hardly matter stay small."""


class Balance(NamedTuple):
    """Factors of a matrix: `rows` (R,) of its inputs' reciprocal, `columns` (C,) of its columns."""

    rows: Tensor
    columns: Tensor

    def weight(self, weight: Tensor) -> Tensor:
        """Return the weights that are programmed, r W c."""
        return weight * self.rows[:, None] * self.columns

    def inputs(self, x: Tensor) -> Tensor:
        """Return what is sent for inputs x (B, R)."""
        return x / self.rows

    def outputs(self, y: Tensor) -> Tensor:
        """Return the products for what came back, (B, C)."""
        return y / self.columns


def balance(weight: Tensor, sent: Tensor) -> Balance:
    """Return the factors for a matrix (R, C) whose inputs reach the magnitudes `sent` (R,)."""
    held = weight.abs().amax(1)
    rows = _bounded(torch.where((sent > 0) & (held > 0), (sent / held).sqrt(), torch.nan))
    largest = (weight * rows[:, None]).abs().amax(0)
    columns = _bounded(torch.where(largest > 0, 1 / largest, torch.nan))
    return Balance(rows, columns)


def _bounded(factors: Tensor) -> Tensor:
    """Return factors within bounds of their median; NaN becomes the median (1 where there is none)."""
    median = torch.nan_to_num(factors.nanmedian(), nan=1.0)
    return torch.nan_to_num(factors, nan=float(median)).clamp(median / _LARGEST, median * _LARGEST)
