"""A workload: which of eight clusters does a point belong to? The network knows their centres; nothing is trained."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pcmesh.deployed import Workload

CLUSTERS, SIZE, SPREAD = 8, 48, 1.5


def centres() -> Tensor:
    return torch.randn(CLUSTERS, SIZE, generator=torch.Generator().manual_seed(0))


def network() -> nn.Module:
    """Return the linear classifier of least squared distance."""
    layer = nn.Linear(SIZE, CLUSTERS)
    with torch.no_grad():
        layer.weight.copy_(centres())
        layer.bias.copy_(-centres().square().sum(1) / 2)
    return nn.Sequential(layer)


def points(seed: int, count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLUSTERS, (count,), generator=generator)
    return centres()[labels] + SPREAD * torch.randn(count, SIZE, generator=generator), labels


def calibration() -> Iterator[Tensor]:
    yield points(1, 200)[0]


def task() -> Iterator[tuple[Tensor, Tensor]]:
    yield from (points(seed, 200) for seed in (2, 3))


CLUSTERING = Workload(network=network, calibration=calibration, task=task, recipe={"encoding": "4-PCM"})
