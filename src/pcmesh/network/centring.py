"""Inputs centred and scaled digitally before they are pulses, which is undone behind the product.

y = x W = s ((x - m) / s) W + m (1 W): with the mean m taken off, and the rest divided by its largest magnitude s, every
sample (or vector) uses the whole length of the pulses. Shapes: N vectors, R rows, C columns.
Source: Ambrogio et al. 2023, Methods "RNNT weights and network mapping", Extended Data Fig. 6a, b (one m and s for each
utterance).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Scope = Literal["sample", "vector"]
"""What has one mean and one largest magnitude: all vectors of a sample, or each vector."""

_LEAST = 1e-9


@dataclass(frozen=True)
class Centring:
    """How one product's inputs are centred.

    Attributes:
        scope: what has one mean and one largest magnitude.
        column_sums: (C,) sums of the matrix's columns: times the mean, its share of the product.
    """

    scope: Scope
    column_sums: Tensor

    def sent(self, x_NR: Tensor, owners_N: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs within +-1, the factors (N,) and the means (N,) that undo it.

        Args:
            x_NR: float32.
            owners_N: (N,) int64, number of the sample of each vector; None: all are one sample's.
        """
        if self.scope == "vector":
            mean_N = x_NR.double().mean(1).float()
            scale_N = (x_NR - mean_N[:, None]).abs().amax(1).clamp(min=_LEAST)
        else:
            mean_N, scale_N = _of_samples(x_NR, owners_N)
        return (x_NR - mean_N[:, None]) / scale_N[:, None], scale_N, mean_N

    def restored(self, y_NC: Tensor, scale_N: Tensor, mean_N: Tensor) -> Tensor:
        """Return the products (N, C) of the inputs as they were."""
        return torch.addcmul(y_NC * scale_N[:, None], mean_N[:, None], self.column_sums)


def _of_samples(x_NR: Tensor, owners_N: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return mean and largest magnitude behind it of each vector's sample; the same bits in any company."""
    if owners_N is None:
        owners_N = torch.zeros(len(x_NR), dtype=torch.int64)
    mean_N, scale_N = x_NR.new_zeros(len(x_NR)), x_NR.new_ones(len(x_NR))
    for owner in dict.fromkeys(owners_N.tolist()):
        own = owners_N == owner
        rows = x_NR[own]
        mean = rows.double().mean().float()
        mean_N[own] = mean
        scale_N[own] = (rows - mean).abs().max().clamp(min=_LEAST)
    return mean_N, scale_N
