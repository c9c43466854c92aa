"""The general front: mappings of any network, measured on a task."""

from __future__ import annotations

import torch
from torch import nn

import pcmesh
from pcmesh.analysis.front import on_front


def test_mappings_of_any_network_are_measured_once_each() -> None:
    torch.manual_seed(0)
    network, x = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4)), torch.randn(60, 12)
    points = pcmesh.front(network, pcmesh.Task(batches=[(x, network(x).argmax(1))]), chips=2)
    assert len({tuple(point.ways.values()) for point in points}) == len(points) >= 3
    assert any("as compiled" in point.marks for point in points)
    assert any("tiles" in mark for point in points for mark in point.marks)
    assert [point.tiles for point in points] == sorted(point.tiles for point in points)
    assert all(len(point.errors) == 2 and 0 <= point.error < 0.5 and point.energy_j > 0 for point in points)
    assert any(on_front(point, points) for point in points)
