"""A workload: which of eight clusters does a point belong to? The network knows their centres; nothing is trained."""

import torch
from torch import Tensor, nn

from pcmesh import Task, TaskOptions, Workload

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


def task(asked: TaskOptions) -> Task:
    """Return points to judge by, other ones than those to calibrate with."""
    judged = Task(batches=[points(seed, 200) for seed in (2, 3)], calibration=[points(1, 200)[0]], data="points")
    return judged if asked.samples is None else judged.first(asked.samples)


CLUSTERING = Workload(network=network, task=task, recipe={"encoding": "4-PCM"})
