"""Normal noise, drawn fast: on a CPU the noise of a large layer would cost more than the layer."""

from __future__ import annotations

import torch
from torch import Tensor


def add_normal(x: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """Return x plus independent normal noise of standard deviation `sigma` (a scalar); gradients pass unchanged."""
    noise = torch.empty_like(x, requires_grad=False).normal_(generator=generator)
    return x + noise.mul_(sigma)
