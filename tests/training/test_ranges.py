"""Inputs are rounded within one full scale a layer, as on the chip."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pcmesh.training import HardwareAware, NoiseConfig
from pcmesh.training.ranges import InputRanges, quantise

INT9 = NoiseConfig(weight_sigma=0, output_sigma=0, input_levels=255)


def wrapper(network: nn.Module, noise: NoiseConfig = INT9) -> HardwareAware:
    return HardwareAware(network, noise, torch.Generator().manual_seed(0)).train()


def identity(size: int) -> nn.Linear:
    layer = nn.Linear(size, size, bias=False)
    nn.init.eye_(layer.weight)
    return layer


def test_inputs_are_integers_of_the_layers_full_scale() -> None:
    x = torch.randn(8, 30, generator=torch.Generator().manual_seed(1)) * torch.logspace(-2, 0, 8)[:, None]
    steps = wrapper(identity(30))(x) / (x.abs().max() / 255)
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=2e-4)
    assert float(steps.detach().abs().max()) == pytest.approx(255, abs=1e-3)


def test_quiet_vectors_are_rounded_to_nothing_as_on_the_chip() -> None:
    x = torch.ones(2, 4)
    x[1] *= 1e-3
    assert torch.equal(wrapper(identity(4))(x)[1], torch.zeros(4))


def test_a_range_remembers_recent_mini_batches_and_falls_slowly() -> None:
    aware, loud, quiet = wrapper(identity(4)), torch.full((2, 4), 100.0), torch.full((2, 4), 0.1)
    aware(loud)
    assert torch.equal(aware(quiet), torch.zeros(2, 4))
    for _ in range(1000):
        aware(quiet)
    torch.testing.assert_close(aware(quiet), quiet)


def test_beyond_the_full_scale_inputs_are_clipped_and_gradients_pass() -> None:
    x = torch.tensor([-3.0, -0.5, 0.2, 7.0], requires_grad=True)
    rounded = quantise(x, torch.tensor(1.0), 4)
    torch.testing.assert_close(rounded, torch.tensor([-1.0, -0.5, 0.25, 1.0]))
    (gradient,) = torch.autograd.grad(rounded.sum(), x)
    assert torch.equal(gradient, torch.ones(4))


def test_each_layer_has_its_own_range() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = identity(4), identity(4)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.b(self.a(x) * 1e-3)
            return out

    torch.testing.assert_close(wrapper(Two())(torch.ones(1, 4)), torch.full((1, 4), 1e-3))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_mini_batch_that_overflows_leaves_no_trace(bad: float) -> None:
    aware, good = wrapper(identity(4)), torch.ones(2, 4)
    wanted = aware(good)
    aware(torch.full((2, 4), bad))
    torch.testing.assert_close(aware(good), wanted, rtol=0.02, atol=0)


def test_no_inputs_of_zero_become_anything_else() -> None:
    ranges = InputRanges()
    assert torch.equal(ranges.quantise("a", torch.zeros(2, 3), 255), torch.zeros(2, 3))


def test_runs_with_the_same_ranges_go_on_alike() -> None:
    torch.manual_seed(0)
    x, layer = torch.randn(8, 16), nn.Linear(16, 4)
    first = wrapper(layer)
    first(10 * x)
    second = wrapper(layer)
    second.ranges.largest = dict(first.ranges.largest)
    assert torch.equal(first(x), second(x))
    assert not torch.equal(first(x), wrapper(layer)(x))
