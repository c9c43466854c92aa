"""`clipped_share=0.0` clips nothing of the calibration data, however much there is and however layers are cut."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pcmesh


def heavy_tailed(samples: int, features: int) -> Tensor:
    """Return vectors of which few are much larger than the others, at places that even sampling steps over."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(samples, features, generator=generator)
    x[1 :: samples // 40] *= 1 + 5 * torch.rand(len(x[1 :: samples // 40]), features, generator=generator)
    return x


def furthest(network: nn.Module, x: Tensor, **options: Any) -> float:
    """Return the largest error on the ideal chip as a share of the largest output."""
    with torch.no_grad():
        wanted = network(x)
    got = pcmesh.compile(network, x, "ideal", **options)(x)
    return float((got - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("way", ["AB", "2-PCM", "4-PCM,copies=2", "AB,expand=1200"])
def test_more_rows_than_are_kept(way: str, scaled: bool) -> None:
    torch.manual_seed(0)
    network, x = nn.Sequential(nn.Linear(1100, 40)), heavy_tailed(5000, 1100)
    options = {"layers": {"0": way}, "scale_columns": scaled}
    assert furthest(network, x, clipped_share=0.0, **options) < 1e-3


@pytest.mark.parametrize("pack", [True, False])
def test_batches_of_a_convolution_and_shared_tiles(pack: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv1d(4, 24, 3), nn.Flatten(), nn.Linear(24 * 18, 30))
    x = heavy_tailed(600, 80).view(600, 4, 20)
    assert furthest(network, x, clipped_share=0.0, pack=pack, calibration=x.split(100)) < 1e-3


def test_partial_sums_that_are_larger_than_the_whole_are_not_clipped() -> None:
    """Three row blocks, summed digitally, that cancel: the whole is a hundredth of its parts."""
    torch.manual_seed(0)
    layer = nn.Linear(1536, 8, bias=False)
    with torch.no_grad():
        layer.weight[:, 1024:] = -layer.weight[:, :512] * 0.99
        layer.weight[:, 512:1024] = 0.001 * layer.weight[:, 512:1024]
    base = torch.randn(300, 512)
    x = torch.cat([base, torch.randn(300, 512), base], 1)
    with torch.no_grad():
        wanted = layer(x)
    model = pcmesh.compile(layer, x, "ideal", clipped_share=0.0, scale_columns=False)
    partial = float((base @ layer.weight[:, :512].T.detach()).abs().max())
    assert float((model(x) - wanted).abs().max()) < 1e-3 * partial


def test_the_default_clips_a_few_outputs_even_on_the_ideal_chip() -> None:
    torch.manual_seed(0)
    assert furthest(nn.Sequential(nn.Linear(64, 32)), torch.randn(1000, 64)) > 0.02
