"""Inputs count as unsigned only where the operations before prove it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pcmesh.errors import InputError
from pcmesh.network.capture import capture
from pcmesh.network.examples import Examples
from pcmesh.network.products import RecordedProducts

TILE = (512, 512)
Before = Callable[[Tensor], Tensor]


class Behind(nn.Module):
    """A linear layer behind any operation."""

    def __init__(self, before: Before) -> None:
        super().__init__()
        self.before, self.layer = before, nn.LazyLinear(3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(self.before(x))
        return y


def in_place(x: Tensor) -> Tensor:
    y = F.relu(x)
    y[:, 0] -= 3
    return y


def through_a_view(x: Tensor) -> Tensor:
    y = F.relu(x)
    y.view(-1).neg_()
    return y


def grown(x: Tensor) -> Tensor:
    y = F.relu(x)
    y.add_(F.relu(-x)).relu_()
    return y


PROVEN: dict[str, Before] = {
    "relu": F.relu,
    "relu in place": lambda x: (x * 2).relu_(),
    "sum of two": lambda x: F.relu(x) + F.relu(-x),
    "a positive alpha": lambda x: torch.add(F.relu(x), F.relu(-x), alpha=2),
    "positive numbers": lambda x: F.relu(x) * 2 + 1,
    "a square": lambda x: x * x,
    "an even power": lambda x: x**2,
    "a clamp": lambda x: x.clamp(min=0),
    "a clamp between tensors": lambda x: torch.clamp(x, torch.zeros(6), torch.ones(6)),
    "padding": lambda x: F.pad(F.relu(x), (1, 1)),
    "a constant beside": lambda x: torch.cat([F.relu(x), torch.ones(4, 2)], 1),
    "the larger of two": lambda x: torch.maximum(F.relu(x), x),
    "a choice": lambda x: torch.where(x > 0, x.abs(), 0.5),
    "a pool": lambda x: F.max_pool1d(F.relu(x)[:, None], 2)[:, 0],
    "nearest pixels": lambda x: F.interpolate(F.relu(x)[:, None], scale_factor=2)[:, 0],
    "a comparison": lambda x: (x > 0).float(),
    "parts": lambda x: torch.cat(F.relu(x).chunk(2, 1)[::-1], 1),
    "grown in place": grown,
}
NOT_PROVEN: dict[str, Before] = {
    "a negative alpha": lambda x: torch.add(F.relu(x), F.relu(-x), alpha=-1),
    "a negative number": lambda x: F.relu(x) + -1,
    "a negative factor by name": lambda x: torch.mul(input=F.relu(x), other=-1.0),
    "a negative tensor": lambda x: F.relu(x) * torch.tensor(-2.0),
    "a clamp below zero": lambda x: x.clamp(min=-1),
    "a clamp from above": lambda x: F.relu(x).clamp(max=-0.5),
    "limits that cross": lambda x: x.clamp(min=0, max=-1),
    "a clamp between tensors": lambda x: torch.clamp(x, -torch.ones(6), torch.ones(6)),
    "padding": lambda x: F.pad(F.relu(x), (1, 1), value=-1.0),
    "a constant beside": lambda x: torch.cat([F.relu(x), -torch.ones(4, 2)], 1),
    "pixels between": lambda x: F.interpolate(
        F.relu(x)[:, None, :, None].expand(-1, 1, 6, 6), scale_factor=2, mode="bicubic"
    )[:, 0, :, 0],
    "a choice": lambda x: torch.where(x > 0, x.abs(), -0.5),
    "filled": lambda x: F.relu(x).masked_fill(x > 1, -2.0),
    "a pool with a negative divisor": lambda x: F.avg_pool2d(F.relu(x)[:, None, None], (1, 2), divisor_override=-2)[
        :, 0, 0
    ],
    "a threshold": lambda x: F.threshold(x, 0.5, -1.0),
    "whole numbers that wrap": lambda x: (F.relu(x) * 100).to(torch.int8).mul(3).float(),
    "nothing": lambda x: x,
    "in place": in_place,
    "through a view": through_a_view,
}


@pytest.mark.parametrize(
    ("before", "signed"),
    [*((b, False) for b in PROVEN.values()), *((b, True) for b in NOT_PROVEN.values())],
    ids=[*(f"{name}-proven" for name in PROVEN), *(f"{name}-not proven" for name in NOT_PROVEN)],
)
def test_what_is_proven(before: Before, signed: bool) -> None:
    torch.manual_seed(0)
    network, x = Behind(before).eval(), torch.randn(4, 6)
    wanted = network(x)
    found = capture(network, Examples.of(x), TILE, way="export")
    assert found.products[0].signed == signed
    recorder = RecordedProducts(found.weights)
    with found.runtime.computing(recorder):
        torch.testing.assert_close(found.module(x), wanted)
    assert signed or all(float(rows.min()) >= 0 for rows in recorder.inputs["layer"])


@pytest.mark.parametrize("both", [False, True])
def test_the_first_state_of_a_relu_recurrence_may_be_negative(both: bool) -> None:
    network = nn.RNN(5, 4, 2, nonlinearity="relu", bidirectional=both, batch_first=True)
    x, state = torch.randn(3, 6, 5), torch.randn(2 * (1 + both), 3, 4)
    without = capture(network, Examples.of(x), TILE, way="export")
    given = capture(network, Examples.of((x, state), None), TILE, way="export")
    watched = capture(network, Examples.of(x), TILE, way="eager")
    for found, signed in ((without, False), (given, True), (watched, True)):
        states = [product for product in found.products if "weight_hh" in product.name]
        assert states
        assert all(product.signed == signed for product in states)


def test_an_input_of_another_type_than_the_example_is_refused() -> None:
    class Image(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.layer(x / 255)
            return y

    pixels = torch.randint(0, 256, (4, 6), dtype=torch.uint8)
    found = capture(Image(), Examples.of(pixels), TILE, way="export")
    assert not found.products[0].signed
    found.module(pixels)
    with pytest.raises(InputError, match="layer layer gets negative inputs"):
        found.module(torch.randn(4, 6))
