"""Inputs as the chip takes them: integers within one full scale a layer."""

from __future__ import annotations

import torch
from torch import Tensor

from pcmesh.training.noise import largest_magnitude

_KEPT = 0.99
"""Share of a range that is left after a mini-batch without inputs that need it: ranges follow weights that change."""


class InputRanges:
    """The full scale of each layer's inputs: the largest magnitude of recent mini-batches, as calibration finds it.

    Attributes:
        largest: layer -> its range, a scalar tensor; save it with a run that shall go on with the same bits.
    """

    def __init__(self) -> None:
        self.largest: dict[str, Tensor] = {}

    def next_batch(self) -> None:
        """Let the ranges fall a little: a mini-batch begins."""
        for layer in self.largest:
            self.largest[layer] = self.largest[layer] * _KEPT

    def quantise(self, layer: str, x: Tensor, levels: int) -> Tensor:
        """Round the inputs x of a layer to integers within +-levels times its range / levels.

        The range grows to the largest input, so that none is clipped, as none of the calibration's is. Gradients pass
        unchanged (straight-through estimator).
        """
        if not x.is_floating_point() or not x.numel():
            return x
        seen = largest_magnitude(x.detach()).float()
        before = self.largest.get(layer)
        if before is not None:
            before = before.to(seen.device)
            seen = torch.maximum(torch.where(seen < torch.inf, seen, before), before)
        if before is not None or bool(seen.isfinite()):
            self.largest[layer] = seen
        return quantise(x, seen, levels)


def quantise(x: Tensor, full_scale: Tensor, levels: int) -> Tensor:
    """Round x to integers within +-levels times full_scale / levels; what lies beyond is clipped.

    Gradients pass unchanged (straight-through estimator).
    """
    step = (full_scale / levels).to(x.dtype).clamp_min(torch.finfo(x.dtype).tiny)
    plain = x.detach()
    rounded = torch.div(plain, step).round_().clamp_(-levels, levels).mul_(step)
    return x + rounded.sub_(plain)
