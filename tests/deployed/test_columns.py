"""How columns are calibrated is a choice of the user, kept by other chips and by folders."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import pcmesh
from pcmesh.errors import ConfigurationError


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.Sigmoid(), nn.Linear(16, 8))


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(300, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("hand_over", [False, True])
def test_each_calibration_is_better_than_none(network: nn.Module, x: torch.Tensor, hand_over: bool) -> None:
    raw = pcmesh.compile(network, x, columns="none", hand_over=hand_over)
    error = pcmesh.evaluate(raw, [x]).error
    for columns in ("auto", "analog"):
        calibrated = raw.on(columns=columns)
        assert pcmesh.evaluate(calibrated, [x]).error < 0.7 * error
        again = pcmesh.compile(network, x, columns=columns, hand_over=hand_over)
        assert torch.equal(again(x), calibrated(x))


@pytest.mark.parametrize("columns", ["analog", "none"])
@pytest.mark.parametrize("hand_over", [False, True])
def test_folders_keep_it(network: nn.Module, x: torch.Tensor, columns: str, hand_over: bool, tmp_path: Path) -> None:
    model = pcmesh.compile(network, x, columns=columns, hand_over=hand_over)  # type: ignore[arg-type]
    model.save(tmp_path / "chip")
    read = pcmesh.load(tmp_path / "chip")
    assert torch.equal(read(x), model(x))
    assert torch.equal(read.at("1d").recalibrate()(x), model.at("1d").recalibrate()(x))
    assert torch.equal(read.on(number=1)(x), model.on(number=1)(x))


def test_no_code_leaves_layers_that_hand_pulses_over(network: nn.Module, x: torch.Tensor) -> None:
    with pytest.raises(ConfigurationError, match="pulses go from tile to tile"):
        pcmesh.compile(network, x, columns="read-out", hand_over=True)
    assert pcmesh.evaluate(pcmesh.compile(network, x, columns="read-out"), [x]).error < 0.1
