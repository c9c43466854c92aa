"""Activations that ramps make are trained through: their gradient is the function's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import pcmesh
from pcmesh.training import HardwareAware, NoiseConfig

QUIET = NoiseConfig(weight_sigma=0, output_sigma=0)


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(12, 24), nn.Linear(24, 3)
        self.between, self.behind = nn.Hardtanh(), nn.Hardsigmoid()
        with torch.no_grad():
            self.a.weight *= 3
            self.b.weight *= 8

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.behind(self.b(self.between(self.a(x))))
        return out


def inputs(count: int = 400) -> Tensor:
    return torch.randn(count, 12, generator=torch.Generator().manual_seed(1))


def test_the_gradient_is_zero_where_they_clip_and_the_slope_between() -> None:
    network, x = Gated(), inputs()
    aware = HardwareAware(network, QUIET, torch.Generator().manual_seed(0))
    aware(x).sum().backward()
    got = {name: parameter.grad.clone() for name, parameter in network.named_parameters() if parameter.grad is not None}
    sums = network.b(network.between(network.a(x)))
    inside = ((sums > -3) & (sums < 3)).float()
    assert 0.1 < float(inside.mean()) < 0.9
    torch.testing.assert_close(got["b.bias"], inside.sum(0) / 6)
    network.zero_grad()
    network(x).sum().backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(got[name], parameter.grad, msg=name)


@pytest.mark.parametrize("seed", [0, 1])
def test_training_on_noise_makes_the_chip_with_ramps_follow(seed: int) -> None:
    x = inputs()
    wanted = (x[:, :3] > 0).float()
    network = Gated()
    aware = HardwareAware(network, NoiseConfig(), torch.Generator().manual_seed(seed))
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(150):
        optimiser.zero_grad()
        nn.functional.mse_loss(aware(x), wanted).backward()
        optimiser.step()
        aware.clip_weights()
    model = pcmesh.compile(network.eval(), x, hand_over=True)
    assert [chain.products for chain in model.program.captured.chains] == [("a", "b")]
    right = ((model(x) > 0.5) == (wanted > 0.5)).float().mean()
    assert float(right) > 0.9
