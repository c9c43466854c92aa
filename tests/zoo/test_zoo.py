"""Every architecture of the zoo: on the ideal chip it equals PyTorch; on the real one it runs and says what runs where.

Tolerance on the ideal chip: 1e-3 of the largest output; pulses and counters there have 65,280 steps, weights 2.5 M.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import pcmesh
from tests.zoo.language import LANGUAGE
from tests.zoo.networks import ZOO

TOLERANCE = 1e-3
OWN_CODE = {"transformer_decoder"}
"""PyTorch's decoder looks at its mask's values, so that torch.export cannot trace it."""


def called(network: nn.Module, inputs: Any) -> list[Tensor]:
    """Return the floating outputs of a network."""
    with torch.no_grad():
        if isinstance(inputs, dict):
            found = network(**inputs)
        else:
            found = network(*inputs) if isinstance(inputs, tuple) else network(inputs)
    return [leaf for leaf in tree_leaves(found) if isinstance(leaf, Tensor) and leaf.is_floating_point()]


@pytest.mark.parametrize("name", sorted(ZOO))
def test_zoo(name: str) -> None:
    if ZOO[name] in LANGUAGE:
        pytest.importorskip("transformers")
    torch.manual_seed(0)
    network, inputs = ZOO[name]()
    network.eval()
    wanted = called(network, inputs)
    ideal = pcmesh.compile(network, inputs, chip="ideal", clipped_share=0.0)
    captured = ideal.program.captured
    assert (captured.program is None) == (name in OWN_CODE)
    assert captured.any_batch
    for got, value in zip(called(ideal, inputs), wanted, strict=True):
        assert float((got - value).abs().max()) < TOLERANCE * float(value.abs().max())
    real = ideal.on("nature2023", clipped_share=0.001)
    for got, value in zip(called(real, inputs), wanted, strict=True):
        assert torch.isfinite(got).all()
        assert float((got - value).std()) < float(value.std())
    text = real.summary()
    assert max(map(len, text.splitlines())) <= 100
    assert all(operation.kind in text for operation in captured.operations)


def test_zoo_has_at_least_25_architectures() -> None:
    assert len(ZOO) >= 25
