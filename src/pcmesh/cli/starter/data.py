"""Data to begin with: ten made-up pictures of 28 x 28 under noise. Put yours in its place."""

from collections.abc import Iterator

import torch
from torch import Tensor

INPUTS, CLASSES, SIGNAL = 784, 10, 0.25


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Yield four batches: inputs (64, 784) and labels (64,)."""
    prototypes = torch.randn(CLASSES, INPUTS, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(2)
    for _ in range(4):
        labels = torch.randint(CLASSES, (64,), generator=generator)
        yield SIGNAL * prototypes[labels] + torch.randn(64, INPUTS, generator=generator), labels
