"""Normal noise in as few passes over memory as it takes: on a CPU it costs about as much as the layer itself."""

from __future__ import annotations

import torch
from torch import Tensor


class Normal:
    """Normal draws on any device, from one generator.

    Attributes:
        generator: of the draws; tensors on other devices take theirs from a generator of that device seeded by it.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self._others: dict[torch.device, torch.Generator] = {}

    def like(self, x: Tensor) -> Tensor:
        """Return standard normal values of the shape, type and device of x."""
        out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        return out if x.device.type == "meta" else out.normal_(generator=self._on(x.device))

    def _on(self, device: torch.device) -> torch.Generator:
        if device.type == self.generator.device.type:
            return self.generator
        if device not in self._others:
            seed = torch.randint(2**62, (), generator=self.generator, device=self.generator.device)
            self._others[device] = torch.Generator(device).manual_seed(int(seed))
        return self._others[device]


def largest_magnitude(x: Tensor) -> Tensor:
    """Return max|x| (a scalar tensor) in one pass and without a copy."""
    low, high = torch.aminmax(x)
    return torch.maximum(-low, high)


def add_relative_normal(x: Tensor, sigma: float, normal: Normal) -> Tensor:
    """Return x plus independent normal noise of standard deviation sigma * max|x|; gradients pass unchanged."""
    if not x.numel():
        return x
    return torch.addcmul(x, normal.like(x), sigma * largest_magnitude(x.detach()))


def device_noise(weight: Tensor, noise: Tensor, sigma: float, relative: float, columns: int) -> Tensor:
    """Return a layer's weights as devices hold them; gradients pass unchanged.

    The error of a device has a part that every device has and one that grows with its conductance.

    Args:
        weight: columns of the chip first, then rows.
        noise: standard normal values of its shape.
        sigma: standard deviation of the first part, as a fraction of the largest weight.
        relative: of the second, as a fraction of the weight's own magnitude.
        columns: leading axes that number columns, where each column is written with its own gain, so that its largest
            weight counts; 0: the largest of all.
    """
    if not columns and not relative:
        return torch.addcmul(weight, noise, sigma * largest_magnitude(weight.detach()))
    scale = weight.detach().abs()
    largest = scale.amax(tuple(range(columns, weight.dim())), keepdim=True)
    torch.add(sigma * largest, scale, alpha=relative, out=scale)
    return torch.addcmul(weight, noise, scale)
