"""The summary warns where a layer's vectors span more than one full scale can hold."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pcmesh
from pcmesh.deployed.calibration_data.warnings import quiet_share


def _warnings(sizes: torch.Tensor) -> list[str]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(32, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
    x = torch.randn(len(sizes), 32, generator=torch.Generator().manual_seed(1)) * sizes[:, None]
    model = pcmesh.compile(network, x, chip="ideal")
    shown = " ".join(model.summary().split())
    return [text for text in model.program.warnings if "span too much" in text and text in shown]


def test_vectors_of_very_different_sizes_are_warned_of_with_the_layer() -> None:
    (text,) = _warnings(torch.logspace(-4, 0, 512))
    assert "% of the vectors of 0 use fewer than 4 of their 8 bits" in text
    assert "normalise each vector" in text


@pytest.mark.parametrize("lowest", [-1.0, 0.0])
def test_vectors_of_like_sizes_are_not(lowest: float) -> None:
    assert _warnings(torch.logspace(lowest, 0, 512)) == []


def test_share_of_quiet_vectors() -> None:
    x = torch.tensor([[1.0, -16.0], [0.5, 0.0], [1.5, 0.0], [0.0, 0.0]])
    assert quiet_share(x) == pytest.approx(1 / 3)  # 0.5 is below a sixteenth of 16; zeros need no bits
    assert quiet_share(torch.zeros(3, 2)) == 0.0
