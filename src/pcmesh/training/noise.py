"""Normal noise in as few passes over memory as it takes: on a CPU it costs about as much as the layer itself."""

from __future__ import annotations

import torch
from torch import Tensor


def add_relative_normal(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Return x plus independent normal noise of standard deviation sigma * max|x|; gradients pass unchanged."""
    noise = torch.empty_like(x, requires_grad=False).normal_(generator=generator)
    return torch.addcmul(x, noise, sigma * _largest_magnitude(x.detach()))


def _largest_magnitude(x: Tensor) -> Tensor:
    """Return max|x| (a scalar tensor) in one pass and without a copy."""
    low, high = torch.aminmax(x)
    return torch.maximum(-low, high)


def add_device_noise(
    weight: Tensor, sigma: float, relative: float, columns: bool, generator: torch.Generator
) -> Tensor:
    """Return a layer's weights as devices hold them; gradients pass unchanged.

    The error of a device has a part that every device has and one that grows with its conductance.

    Args:
        weight: (outputs, ..): each output is a column of the chip.
        sigma: standard deviation of the first part, as a fraction of the largest weight.
        relative: of the second, as a fraction of the weight's own magnitude.
        columns: whether each column is written with its own gain: the largest weight is that of the column.
        generator: of the noise.
    """
    if not columns and not relative:
        return add_relative_normal(weight, sigma, generator)
    scale = weight.detach().abs()
    largest = scale.flatten(1).amax(1).view(-1, *[1] * (weight.dim() - 1)) if columns else scale.max()
    torch.add(sigma * largest, scale, alpha=relative, out=scale)
    noise = torch.empty_like(weight, requires_grad=False).normal_(generator=generator)
    return torch.addcmul(weight, noise, scale)
