"""Weights of few bits: what stands for weight errors in a sensitivity analysis.

Source: Ambrogio et al., Nature 620, 768 (2023), "RNNT mapping on chip", Fig. 4b-d and Fig. 5e.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


def quantise(weight: Tensor, bits: float) -> Tensor:
    """Return a weight rounded to multiples of 2·Wmax / 2^bits within ±Wmax, Wmax its largest magnitude.

    Zero is a level. The paper states 2^bits levels (5.4 bits are its 42) but not where they lie.

    Args:
        weight: any shape.
        bits: any number above 0, whole or not.
    """
    largest = weight.abs().max()
    step = (2 * largest / 2**bits).clamp_min(torch.finfo(weight.dtype).tiny)
    return (torch.round(weight / step) * step).clamp(-largest, largest)


def quantise_expanded(weight: Tensor, bits: float, expansion: Tensor) -> Tensor:
    """Return what a weight does when Wx2 = W·pinv(M) is quantised and its input is M·x: Q(W·pinv(M))·M.

    Args:
        weight: (outputs, inputs).
        bits: as `quantise`.
        expansion: M, (rows, inputs) with rows >= inputs.
    """
    return quantise(weight @ torch.linalg.pinv(expansion), bits) @ expansion


@dataclass(frozen=True)
class WeightPart:
    """A matrix of a network, or some of its inputs.

    Attributes:
        parameter: its name in `named_parameters`, (outputs, inputs, ...).
        inputs: [start, stop) of the inputs; None: all.
        expansion: M (rows, inputs) of a weight expansion, or None.
    """

    parameter: str
    inputs: tuple[int, int] | None = None
    expansion: Tensor | None = None

    def view(self, weight: Tensor) -> Tensor:
        """Return the part of the parameter."""
        return weight if self.inputs is None else weight[:, slice(*self.inputs)]

    def quantised(self, weight: Tensor, bits: float) -> Tensor:
        """Return the part of the parameter, quantised."""
        part = self.view(weight)
        return quantise(part, bits) if self.expansion is None else quantise_expanded(part, bits, self.expansion)


def weight_count(model: nn.Module, parts: Sequence[WeightPart]) -> int:
    """Return the number of weights of parts."""
    parameters = dict(model.named_parameters())
    return sum(part.view(parameters[part.parameter]).numel() for part in parts)
