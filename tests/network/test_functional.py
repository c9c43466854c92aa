"""Values that are written in place: the captured network computes what the network does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pcmesh.errors import UnsupportedModelError
from pcmesh.network.capture import Way, capture
from pcmesh.network.examples import Examples

TILE = (512, 512)


class Changed(nn.Module):
    """Writes into a copy of its weight, and into the activations behind a batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4)
        self.weight = nn.Parameter(torch.randn(16, 5))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.clone()
        weight[2:4] = 0
        weight.mul_(2)
        y = self.norm(self.first(x))
        y[:, 1] = 0
        return torch.relu(y).flatten(1) @ weight


def test_a_weight_that_is_written_in_place_is_programmed_as_it_is_then() -> None:
    network = Changed()
    network.norm.running_var.uniform_(0.5, 2.0)
    network.eval()
    before, x = network.weight.detach().clone(), torch.randn(3, 2, 6)
    found = capture(network, Examples.of(x), TILE, way="export")
    torch.testing.assert_close(found.module(x), network(x))
    torch.testing.assert_close(found.products[-1].weight[2:4], torch.zeros(2, 5))
    torch.testing.assert_close(network.weight.detach(), before)
    assert {o.where for o in found.operations if o.kind == "batch_norm"} == {"folded"}


def test_a_buffer_that_the_network_changes_is_no_weight() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.register_buffer("state", torch.eye(4))

        def forward(self, x: Tensor) -> Tensor:
            self.state.mul_(2)
            y: Tensor = self.layer(x) @ self.state
            return y

    found = capture(Counting(), Examples.of(torch.randn(3, 4)), TILE, way="export")
    assert [product.name for product in found.products] == ["layer"]
    x = torch.randn(3, 4)
    torch.testing.assert_close(found.module(x) * 2, found.module(x))
    with pytest.raises(UnsupportedModelError, match="no matrix product"):
        capture(Empty(), Examples.of(x), TILE, way="export")


@pytest.mark.parametrize("way", ["export", "eager"])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_view_of_a_convolution(way: Way, transposed: bool) -> None:
    class Viewing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = (nn.ConvTranspose1d if transposed else nn.Conv1d)(2, 4, 3)
            self.second = nn.LazyLinear(3)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.second(self.first(x).view(len(x), -1))
            return y

    network, x = Viewing().eval(), torch.randn(3, 2, 6)
    wanted = network(x)
    torch.testing.assert_close(capture(network, Examples.of(x), TILE, way=way).module(x), wanted)


class Empty(nn.Module):
    """Has nothing but a state."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.eye(4))

    def forward(self, x: Tensor) -> Tensor:
        self.state.mul_(2)
        return x @ self.state
