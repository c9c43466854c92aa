"""What is done to the features before Enc-LSTM0's Wx, the layer most sensitive to noise.

Without expansion the recording's mean (one number) is taken off, and the rest divided by the largest magnitude; the
result on the chip is multiplied and the mean's share added again. With expansion the input is M · x, of mean near zero,
and only divided. Source: paper, Methods "RNNT weights and network mapping", Extended Data Fig. 6a, b.

Shapes: T frames, F features, K rows of Wx (copies or expanded), G gates, N inputs (frames of several utterances).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pcmesh.mapping.rows import Expansion, MoreRows
from pcmesh.workloads.rnnt.graph import input_rows
from pcmesh.workloads.rnnt.widths import RnntWidths


@dataclass(frozen=True)
class ScaledInputs:
    """The inputs of one utterance, within ±1, and what undoes the scaling."""

    rows_TK: Tensor
    scale: float
    mean: float


@dataclass(frozen=True)
class InputScaling:
    """How the features become the rows of Enc-LSTM0 Wx.

    Attributes:
        rows: copies of the features, or their expansion.
        column_sums_G: sums of the original weights of each column: times the mean, its share of the result.
    """

    rows: MoreRows
    column_sums_G: Tensor

    @classmethod
    def of(cls, widths: RnntWidths, wx_GF: Tensor, expansion_KF: Tensor | None) -> InputScaling:
        """Return the scaling for a Wx (G, F) as PyTorch holds it."""
        return cls(input_rows(widths, expansion_KF), wx_GF.sum(1))

    def apply(self, features_TF: Tensor) -> ScaledInputs:
        """Return the scaled rows of one utterance."""
        mean = 0.0 if isinstance(self.rows, Expansion) else float(features_TF.double().mean())
        rows_TK = self.rows.inputs(features_TF - mean)
        scale = max(float(rows_TK.abs().max()), 1e-9)
        return ScaledInputs(rows_TK / scale, scale, mean)


def restore(product_NG: Tensor, scale_N: Tensor, mean_N: Tensor, column_sums_G: Tensor) -> Tensor:
    """Return products of scaled inputs in the units of the features."""
    return torch.addcmul(product_NG * scale_N[:, None], mean_N[:, None], column_sums_G)
