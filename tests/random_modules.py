"""Random networks of everything that goes to tiles, from a seed: sizes at the edges of tiles, any mapping."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from pcmesh.mapping import Encoding

ODD = (1, 3, 17, 64, 129)
EDGES = (511, 513, 1025, 2049)
"""Beside one, two and four blocks of 512 rows or columns."""
SAMPLES = 12


class Residual(nn.Module):
    """What it holds, added to its input."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class Recurrent(nn.Module):
    """The outputs of a recurrent layer, (B, T, features)."""

    def __init__(self, kind: type[nn.RNNBase], size: int, hidden: int, both: bool) -> None:
        super().__init__()
        self.layer = kind(size, hidden, batch_first=True, bidirectional=both)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


class Attention(nn.Module):
    """Self-attention, (B, T, features)."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(size, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, x, x, need_weights=False)[0]


@dataclass(frozen=True)
class Drawn:
    """A network, what it is called with, and how it is compiled."""

    network: nn.Module
    x: Tensor
    options: dict[str, Any]


def draw(seed: int) -> Drawn:
    """Return the network of a seed."""
    numbers = random.Random(seed)
    torch.manual_seed(seed)
    kind = numbers.choice((_dense, _dense, _convolution, _convolution, _sequence))
    network, x = kind(numbers)
    encoding = numbers.choice(list(Encoding))
    options: dict[str, Any] = {
        "encoding": encoding,
        "pack": numbers.choice((True, False, "auto")),
        "scale_columns": numbers.random() < 0.7,
    }
    more = numbers.choice(("", "", ",copies=2", ",copies=3", ",expand=600"))
    heads = [(name, layer) for name, layer in network.named_modules() if type(layer) is nn.Linear]
    name, head = heads[-1]
    if more and head.in_features <= 600:
        options["layers"] = {name: f"{encoding}{more}"}
    return Drawn(network.eval(), x, options)


def _activation(numbers: random.Random) -> nn.Module:
    return numbers.choice((nn.ReLU, nn.Tanh, nn.GELU, nn.Sigmoid))()


def _dense(numbers: random.Random) -> tuple[nn.Module, Tensor]:
    sizes = [numbers.choice((*ODD, *EDGES)) for _ in range(numbers.randint(2, 4))]
    while sum(a * b for a, b in pairwise(sizes)) > 1_500_000:
        sizes[sizes.index(max(sizes))] = numbers.choice(ODD)
    layers: list[nn.Module] = []
    for rows, columns in pairwise(sizes):
        layers += [nn.Linear(rows, columns, bias=numbers.random() < 0.8), _activation(numbers)]
        if numbers.random() < 0.3 and columns < 600:
            layers.append(Residual(nn.Sequential(nn.LayerNorm(columns), nn.Linear(columns, columns))))
        if numbers.random() < 0.2:
            layers.append(nn.BatchNorm1d(columns))
    return nn.Sequential(*layers, nn.Linear(sizes[-1], numbers.choice(ODD))), torch.randn(SAMPLES, sizes[0])


def _convolution(numbers: random.Random) -> tuple[nn.Module, Tensor]:
    channels, width, out = (numbers.choice(choice) for choice in ((1, 3, 6), (2, 8, 24), (1, 5, 33)))
    groups = numbers.choice((1, 1, 2)) if width % 2 == 0 else 1
    flat = numbers.random() < 0.5
    convolution, norm = (nn.Conv1d, nn.BatchNorm1d) if flat else (nn.Conv2d, nn.BatchNorm2d)
    body = [
        convolution(channels, width, numbers.choice((1, 3)), stride=numbers.choice((1, 2)), padding=1),
        norm(width) if numbers.random() < 0.5 else nn.Identity(),
        nn.ReLU(),
        convolution(width, width, 3, padding=1, groups=groups, dilation=1),
        nn.Flatten(),
    ]
    x = torch.randn(SAMPLES, channels, 9) if flat else torch.randn(SAMPLES, channels, 7, 7)
    for layer in body:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
    with torch.no_grad():
        features = nn.Sequential(*body).eval()(x).shape[1]
    return nn.Sequential(*body, nn.Linear(features, out)), x


def _sequence(numbers: random.Random) -> tuple[nn.Module, Tensor]:
    size = numbers.choice((4, 8, 64, 130))
    layers: list[nn.Module] = [nn.Linear(numbers.choice((1, 5, 513)), size)]
    x = torch.randn(SAMPLES, 5, layers[0].in_features)  # type: ignore[arg-type]
    for _ in range(numbers.randint(1, 2)):
        if numbers.random() < 0.5:
            layers += [Residual(Attention(size, 2)), nn.LayerNorm(size)]
        else:
            both = numbers.random() < 0.4
            recurrent = numbers.choice((nn.LSTM, nn.LSTM, nn.GRU, nn.RNN))
            hidden = size // 2 if both else size
            layers.append(Residual(Recurrent(recurrent, size, hidden, both)))
    return nn.Sequential(*layers, _activation(numbers), nn.Linear(size, numbers.choice(ODD))), x
