"""Networks in wrappers, and modules that are no plain ones: captured as the plain network, or refused."""

from __future__ import annotations

import threading
import warnings

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn.utils import prune, weight_norm

from pcmesh.errors import UnsupportedModelError
from pcmesh.network.capture import capture
from pcmesh.network.examples import Examples
from pcmesh.network.fresh import fresh_copy, unwrapped

TILE = (512, 512)


def plain() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).eval()


class Keywords(nn.Module):
    """Takes whatever keywords there are."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, **batch: Tensor) -> Tensor:
        y: Tensor = self.network(batch["x"])
        return y


@pytest.mark.parametrize("kind", ["compiled", "compiled within", "in parallel", "keywords", "traced"])
def test_wrapped_networks_are_captured_as_the_plain_one(kind: str) -> None:
    network, x = plain(), torch.randn(5, 4)
    wrapped = {
        "compiled": lambda: torch.compile(network, backend="eager"),
        "compiled within": lambda: nn.Sequential(torch.compile(network, backend="eager")),
        "in parallel": lambda: nn.DataParallel(network),
        "keywords": lambda: Keywords(network),
        "traced": lambda: fx.symbolic_trace(network),
    }[kind]()
    found = capture(wrapped, Examples.of({"x": x} if kind == "keywords" else x), TILE)
    assert found.program is not None
    assert found.any_batch
    assert {operation.where for operation in found.operations if "norm" in operation.kind} == {"folded"}
    got = found.module(x=x) if kind == "keywords" else found.module(x)
    torch.testing.assert_close(got, network(x), rtol=1e-4, atol=1e-5)
    assert not any("_orig_mod" in product.name or "module" in product.name for product in found.products)


def test_an_exported_network_is_a_network() -> None:
    network, x = plain(), torch.randn(5, 4)
    program = torch.export.export(network, (x,))
    found = capture(program.module(), Examples.of(x), TILE)
    torch.testing.assert_close(found.module(x), network(x), rtol=1e-4, atol=1e-5)
    training = torch.export.export(nn.Sequential(nn.Linear(4, 4), nn.Dropout()).train(), (x,))
    with pytest.raises(UnsupportedModelError, match="exported in training mode"):
        capture(training.module(), Examples.of(x), TILE)


def test_weights_that_are_computed_in_training_are_copied() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = nn.Sequential(weight_norm(nn.Linear(4, 5)), nn.Linear(5, 3))
    prune.random_unstructured(network[1], "weight", 0.5)
    network(torch.randn(2, 4)).sum().backward()
    network.eval()
    x = torch.randn(5, 4)
    for way in ("export", "eager"):
        found = capture(network, Examples.of(x), TILE, way=way)
        torch.testing.assert_close(found.module(x), network(x), rtol=1e-4, atol=1e-5)
        assert len(found.products) == 2


def test_what_cannot_be_captured_says_why() -> None:
    x = torch.randn(5, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refused = {
            "the network: is a TorchScript module": torch.jit.trace(plain(), x),
            "module 1: is a TorchScript module": nn.Sequential(nn.Linear(4, 4), torch.jit.script(nn.Linear(4, 4))),
            r"weight: has no values yet": nn.LazyLinear(4),
            "is on the device 'meta'": nn.Linear(4, 4, device="meta"),
            "a function, not an nn.Module": torch.relu.__class__ and plain().forward.__func__,
        }
    for reason, network in refused.items():
        with pytest.raises(UnsupportedModelError, match=reason):
            capture(network, Examples.of(x), TILE)  # type: ignore[arg-type]
    locked = plain()
    locked.lock = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(UnsupportedModelError, match="cannot be copied"):
        capture(locked, Examples.of(x), TILE)


def test_quantised_networks_are_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = torch.ao.quantization.quantize_dynamic(plain(), {nn.Linear})
    with pytest.raises(UnsupportedModelError, match="module 0: holds integers"):
        fresh_copy(network)


def test_wrappers_around_wrappers() -> None:
    network = plain()
    assert unwrapped(torch.compile(nn.DataParallel(network), backend="eager")) is network
