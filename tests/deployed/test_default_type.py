"""A program whose tensors are float64 unless it says otherwise: the chip model computes as ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

import pcmesh


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("float64_by_default")
@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16])
def test_networks_of_any_type_where_float64_is_the_default(kind: torch.dtype) -> None:
    network = nn.Sequential(nn.Linear(16, 32, dtype=kind), nn.ReLU(), nn.Linear(32, 4, dtype=kind)).eval()
    x = torch.randn(64, 16, dtype=kind)
    chip = pcmesh.compile(network, x, chip="ideal", clipped_share=0.0)
    got, wanted = chip(x), network(x)
    assert got.dtype == kind
    assert float((got - wanted).abs().max() / wanted.abs().max()) < (1e-2 if kind == torch.float16 else 1e-3)
    assert chip.recalibrate().at("1w")(x).isfinite().all()
