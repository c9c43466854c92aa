"""A forgotten batch dimension is refused with the remedy; what has its batch, or none by design, passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pcmesh
from pcmesh.errors import InputError
from pcmesh.network.batch_check import check_batch
from pcmesh.network.examples import Examples


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).flatten(-3))


class Language(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer, self.head = nn.Embedding(20, 8), nn.TransformerEncoderLayer(8, 2), nn.Linear(8, 3)
        self.layer.self_attn.batch_first = True

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.layer(self.table(tokens)))


class Similarity(nn.Module):
    """Every sample with every other, as contrastive networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y @ y.mT


class Fixed(nn.Module):
    """A network whose own code fixes the batch at four samples."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.view(4, 6))


class Scalars(nn.Module):
    """Samples that are one number each."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.unsqueeze(-1))


def linear() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 10), nn.ReLU(), nn.Linear(10, 4))


def one_channel() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))


def tokens() -> Tensor:
    return torch.randint(0, 20, (7,))


@pytest.mark.parametrize(
    ("make", "example", "remedy"),
    [
        (linear, lambda: torch.randn(784), r"torch.randn\(8, 784\)"),
        (Classifier, lambda: torch.randn(3, 12, 12), r"torch.randn\(8, 3, 12, 12\)"),
        (one_channel, lambda: torch.randn(1, 12, 12), r"torch.randn\(8, 1, 12, 12\)"),
        (lambda: nn.LSTM(5, 4), lambda: torch.randn(9, 5), r"torch.randn\(9, 8, 5\) with batch_dim=1"),
        (lambda: nn.GRU(5, 4, batch_first=True), lambda: torch.randn(9, 5), r"torch.randn\(8, 9, 5\)"),
        (Language, tokens, r"batch_dim=None"),
    ],
)
def test_a_forgotten_batch_is_refused(
    make: Callable[[], nn.Module], example: Callable[[], Tensor], remedy: str
) -> None:
    torch.manual_seed(0)
    with pytest.raises(InputError, match="dimension of the samples is missing.*" + remedy):
        pcmesh.compile(make().eval(), example())


@pytest.mark.parametrize(
    ("make", "example"),
    [
        (linear, lambda: torch.randn(784)),
        (Classifier, lambda: torch.randn(3, 12, 12)),
        (lambda: nn.LSTM(5, 4), lambda: torch.randn(9, 5)),
        (Language, tokens),
    ],
)
def test_said_to_have_none_it_works(make: Callable[[], nn.Module], example: Callable[[], Tensor]) -> None:
    torch.manual_seed(0)
    network, x = make().eval().requires_grad_(False), example()
    model = pcmesh.compile(network, x, "ideal", batch_dim=None, clipped_share=0.0)
    got, wanted = ((y[0] if isinstance(y, tuple) else y) for y in (model(x), network(x)))
    assert float((got - wanted).abs().max()) < 1e-3 * float(wanted.abs().max())


@pytest.mark.parametrize(
    ("make", "example"),
    [
        (linear, lambda: torch.randn(8, 784)),
        (linear, lambda: torch.randn(1, 784)),
        (linear, lambda: torch.randn(2, 3, 784)),
        (one_channel, lambda: torch.randn(1, 1, 12, 12)),
        (lambda: nn.LSTM(5, 4, batch_first=True), lambda: torch.randn(3, 9, 5)),
        (Language, lambda: torch.randint(0, 20, (3, 7))),
        (Similarity, lambda: torch.randn(5, 6)),
        (Fixed, lambda: torch.randn(4, 6)),
        (Scalars, lambda: torch.randn(6)),
        (nn.Bilinear, lambda: None),
    ],
)
def test_a_batch_passes(make: Callable[..., nn.Module], example: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    if make is nn.Bilinear:
        check_batch(nn.Bilinear(3, 4, 2), Examples.of((torch.randn(5, 3), torch.randn(5, 4))))
    else:
        check_batch(make().eval(), Examples.of(example()))
