"""The gate products of the RNN-T's LSTMs as the paper has them on the chip.

Enc-LSTM0 to 2: Wx and Wh apart, added digitally. Enc-LSTM3, 4 and the decoder: one matrix, summed on the capacitors.
Shapes as in `lstm`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pcmesh.workloads.rnnt.on_chip.preprocess import restore

Product = Callable[[Tensor, Tensor], Tensor]
"""Inputs (N, K) and noise keys (N,) -> products (N, G): a layer of the chip, or software."""


@dataclass(frozen=True)
class Undo:
    """What undoes the scaling of Enc-LSTM0's inputs: (B,) factors and means of the utterances, (G,) column sums."""

    scale_B: Tensor
    mean_B: Tensor
    column_sums_G: Tensor


@dataclass(frozen=True)
class Separate:
    """Wx and Wh as two matrices."""

    wx: Product
    wh: Product
    undo: Undo | None = None

    def ahead(self, x_NK: Tensor, lanes_N: Tensor, keys_N: Tensor) -> Tensor:
        """Return the inputs' share of the gates (N, G)."""
        share_NG = self.wx(x_NK, keys_N)
        if self.undo is None:
            return share_NG
        return restore(share_NG, self.undo.scale_B[lanes_N], self.undo.mean_B[lanes_N], self.undo.column_sums_G)

    def gates(self, ahead_B: Tensor, hidden_BH: Tensor, keys_B: Tensor) -> Tensor:
        """Return the gates (B, G): both shares, added digitally."""
        return self.wh(hidden_BH, keys_B).add_(ahead_B)


@dataclass(frozen=True)
class Joined:
    """Wx and Wh in one matrix whose rows are [x, h]."""

    product: Product

    def ahead(self, x_NK: Tensor, lanes_N: Tensor, keys_N: Tensor) -> Tensor:  # noqa: ARG002
        """Return the inputs themselves: nothing can be computed before h is known."""
        return x_NK

    def gates(self, ahead_B: Tensor, hidden_BH: Tensor, keys_B: Tensor) -> Tensor:
        """Return the gates (B, G)."""
        return self.product(torch.cat((ahead_B, hidden_BH), dim=1), keys_B)
