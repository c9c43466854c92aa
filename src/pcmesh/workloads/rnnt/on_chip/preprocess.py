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
        copies: rows of each feature (weight averaging), without expansion.
        expansion_KF: M, or None.
        column_sums_G: sums of the original weights of each column: times the mean, its share of the result.
    """

    copies: int
    expansion_KF: Tensor | None
    column_sums_G: Tensor

    @classmethod
    def of(cls, widths: RnntWidths, wx_GF: Tensor, expansion_KF: Tensor | None) -> InputScaling:
        """Return the scaling for a Wx (G, F) as PyTorch holds it."""
        return cls(widths.input_copies, expansion_KF, wx_GF.sum(1))

    def apply(self, features_TF: Tensor) -> ScaledInputs:
        """Return the scaled rows of one utterance."""
        if self.expansion_KF is not None:
            mean, rows_TK = 0.0, features_TF @ self.expansion_KF.T
        else:
            mean = float(features_TF.double().mean())
            rows_TK = (features_TF - mean).repeat(1, self.copies)
        scale = max(float(rows_TK.abs().max()), 1e-9)
        return ScaledInputs(rows_TK / scale, scale, mean)


def restore(product_NG: Tensor, scale_N: Tensor, mean_N: Tensor, column_sums_G: Tensor) -> Tensor:
    """Return products of scaled inputs in the units of the features."""
    return torch.addcmul(product_NG * scale_N[:, None], mean_N[:, None], column_sums_G)
