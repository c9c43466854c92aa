"""Public architectures at small widths, with random weights: what people bring to the chip."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.zoo.language import LANGUAGE

Made = tuple[nn.Module, Any]


def _sequence(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


def mlp() -> Made:
    return _sequence(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 32), nn.Tanh(), nn.Linear(32, 10)), torch.randn(8, 64)


def lenet() -> Made:
    """LeCun et al. 1998."""
    features = _sequence(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)
    )
    head = _sequence(nn.Flatten(), nn.Linear(256, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))
    return _sequence(features, head), torch.randn(4, 1, 28, 28)


class Residual(nn.Module):
    """The basic block of ResNet-18 (He et al. 2016)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        same = stride == 1 and inside == outside
        down = _sequence(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
        self.down: nn.Module = nn.Identity() if same else down

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.down(x))


def resnet18() -> Made:
    stages = [(8, 8, 1), (8, 8, 1), (8, 12, 2), (12, 12, 1), (12, 16, 2), (16, 16, 1), (16, 24, 2), (24, 24, 1)]
    stem = _sequence(nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    head = _sequence(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10))
    return _sequence(stem, *[Residual(*stage) for stage in stages], head), torch.randn(2, 3, 16, 16)


def vgg() -> Made:
    """Simonyan and Zisserman 2015, with batch normalisation."""
    layers: list[nn.Module] = []
    for inside, outside in ((3, 8), (8, 12), (12, 16)):
        layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(), nn.MaxPool2d(2)]
    return _sequence(*layers, nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10)), torch.randn(
        2, 3, 16, 16
    )


class Inverted(nn.Module):
    """The block of MobileNetV2 (Sandler et al. 2018)."""

    def __init__(self, channels: int, wide: int) -> None:
        super().__init__()
        self.layers = _sequence(
            nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


def mobilenet() -> Made:
    stem = _sequence(nn.Conv2d(3, 8, 3, 2, 1), nn.Hardswish())
    head = _sequence(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    return _sequence(stem, Inverted(8, 24), Inverted(8, 24), head), torch.randn(2, 3, 16, 16)


def ds_cnn() -> Made:
    """The keyword spotter of "Hello Edge" (Zhang et al. 2017)."""
    blocks: list[nn.Module] = [nn.Conv2d(1, 12, (10, 4), 2, (5, 1)), nn.BatchNorm2d(12), nn.ReLU()]
    for _ in range(2):
        blocks += [nn.Conv2d(12, 12, 3, 1, 1, groups=12), nn.BatchNorm2d(12), nn.ReLU()]
        blocks += [nn.Conv2d(12, 12, 1), nn.BatchNorm2d(12), nn.ReLU()]
    return _sequence(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 12)), torch.randn(2, 1, 25, 10)


class Tagger(nn.Module):
    """Embedding, recurrent layers, a label for each word."""

    def __init__(self, recurrent: nn.Module, width: int) -> None:
        super().__init__()
        self.embed, self.recurrent, self.out = nn.Embedding(30, 16), recurrent, nn.Linear(width, 7)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.out(self.recurrent(self.embed(tokens))[0])
        return out


TOKENS = (3, 8)


def _tokens() -> Tensor:
    return torch.randint(0, 30, TOKENS)


def lstm_tagger() -> Made:
    return Tagger(nn.LSTM(16, 24, batch_first=True), 24), _tokens()


def gru_tagger() -> Made:
    return Tagger(nn.GRU(16, 24, 2, batch_first=True), 24), _tokens()


def bidirectional_lstm() -> Made:
    return Tagger(nn.LSTM(16, 20, 2, batch_first=True, bidirectional=True), 40), _tokens()


def projected_lstm() -> Made:
    return Tagger(nn.LSTM(16, 32, 2, batch_first=True, proj_size=12), 12), _tokens()


def elman() -> Made:
    return Tagger(nn.RNN(16, 24, nonlinearity="relu", batch_first=True), 24), _tokens()


def transformer_encoder() -> Made:
    layer = nn.TransformerEncoderLayer(24, 3, 48, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), torch.randn(2, 6, 24)


class Decoder(nn.Module):
    """Vaswani et al. 2017, the decoder with its causal mask."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerDecoderLayer(24, 3, 48, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, 1)

    def forward(self, target: Tensor, memory: Tensor) -> Tensor:
        mask = torch.triu(torch.full((5, 5), float("-inf")), 1)
        out: Tensor = self.decoder(target, memory, tgt_mask=mask)
        return out


def transformer_decoder() -> Made:
    return Decoder(), (torch.randn(2, 5, 24), torch.randn(2, 6, 24))


class Conformer(nn.Module):
    """One block of Gulati et al. 2020."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()

        def feed() -> nn.Sequential:
            return _sequence(nn.LayerNorm(width), nn.Linear(width, 32), nn.SiLU(), nn.Dropout(), nn.Linear(32, width))

        self.first, self.second, self.last = feed(), feed(), nn.LayerNorm(width)
        self.norm, self.attention = nn.LayerNorm(width), nn.MultiheadAttention(width, 2, batch_first=True)
        self.before = nn.LayerNorm(width)
        self.convolution = _sequence(
            nn.Conv1d(width, 2 * width, 1), nn.GLU(1), nn.Conv1d(width, width, 5, padding=2, groups=width),
            nn.BatchNorm1d(width), nn.SiLU(), nn.Conv1d(width, width, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = x + 0.5 * self.first(x)
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.convolution(self.before(x).transpose(1, 2)).transpose(1, 2)
        out: Tensor = self.last(x + 0.5 * self.second(x))
        return out


def conformer() -> Made:
    return Conformer(), torch.randn(2, 8, 16)


class Mixer(nn.Module):
    """One layer of MLP-Mixer (Tolstikhin et al. 2021) on patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.norms = nn.ModuleList([nn.LayerNorm(16), nn.LayerNorm(16)])
        self.tokens = _sequence(nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 16))
        self.channels = _sequence(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patches(x).flatten(2).transpose(1, 2)
        y = y + self.tokens(self.norms[0](y).transpose(1, 2)).transpose(1, 2)
        y = y + self.channels(self.norms[1](y))
        out: Tensor = self.head(y.mean(1))
        return out


def mixer() -> Made:
    return Mixer(), torch.randn(2, 3, 16, 16)


class UNet(nn.Module):
    """Ronneberger et al. 2015, one level, with a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(12, 8, 2, 2), nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = F.relu(self.down(x))
        b = F.relu(self.deep(F.max_pool2d(a, 2)))
        out: Tensor = self.out(torch.cat([a, F.relu(self.up(b))], 1))
        return out


def unet() -> Made:
    return UNet(), torch.randn(2, 1, 8, 8)


def autoencoder() -> Made:
    """Deep autoencoder of MLPerf Tiny's anomaly detection, narrower."""
    sizes = (64, 32, 32, 8, 32, 32, 64)
    layers: list[nn.Module] = []
    for inside, outside in pairwise(sizes):
        layers += [nn.Linear(inside, outside), nn.BatchNorm1d(outside), nn.ReLU()]
    return _sequence(*layers[:-2]), torch.randn(8, 64)


class TemporalBlock(nn.Module):
    """The dilated causal block of a temporal convolutional network (Bai et al. 2018)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.pad = (2 * dilation, 0)
        self.convolution = nn.utils.parametrizations.weight_norm(nn.Conv1d(channels, channels, 3, dilation=dilation))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.convolution(F.pad(x, self.pad)))


def tcn() -> Made:
    return _sequence(nn.Conv1d(4, 12, 1), *[TemporalBlock(12, 2**i) for i in range(3)]), torch.randn(2, 4, 20)


def video_cnn() -> Made:
    return _sequence(
        nn.Conv3d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(2), nn.Flatten(), nn.Linear(48, 5)
    ), torch.randn(2, 1, 6, 8, 8)


class Cells(nn.Module):
    """A loop over cells, as in reinforcement learning: LSTMCell and GRUCell."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.gru, self.policy = nn.LSTMCell(10, 16), nn.GRUCell(16, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        h, c, g = x.new_zeros(x.shape[0], 16), x.new_zeros(x.shape[0], 16), x.new_zeros(x.shape[0], 12)
        for t in range(4):
            h, c = self.lstm(x[:, t], (h, c))
            g = self.gru(h, g)
        out: Tensor = self.policy(g)
        return out


def cells() -> Made:
    return Cells(), torch.randn(3, 4, 10)


class Recommender(nn.Module):
    """DLRM-like (Naumov et al. 2019): tables, a dot product of computed vectors, two MLPs."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(20, 8) for _ in range(3)])
        self.bottom, self.top = (
            _sequence(nn.Linear(6, 8), nn.ReLU()),
            _sequence(nn.Linear(14, 8), nn.ReLU(), nn.Linear(8, 1)),
        )

    def forward(self, dense: Tensor, sparse: Tensor) -> Tensor:
        x = self.bottom(dense)
        vectors = torch.stack([x, *[table(sparse[:, i]) for i, table in enumerate(self.tables)]], 1)
        dots = torch.bmm(vectors, vectors.transpose(1, 2))
        low = torch.tril_indices(4, 4, -1)
        out: Tensor = self.top(torch.cat([x, dots[:, low[0], low[1]]], 1))
        return out


def recommender() -> Made:
    return Recommender(), (torch.randn(3, 6), torch.randint(0, 20, (3, 3)))


class SequenceToSequence(nn.Module):
    """GRU encoder and decoder with additive attention (Bahdanau et al. 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.cell = nn.GRU(8, 12, batch_first=True), nn.GRUCell(20, 12)
        self.keys, self.query, self.score = nn.Linear(12, 10), nn.Linear(12, 10), nn.Linear(10, 1, bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        states, last = self.encoder(x)
        h, keys, found = last[0], self.keys(states), []
        for t in range(3):
            weight = self.score(torch.tanh(keys + self.query(h)[:, None])).softmax(1)
            h = self.cell(torch.cat([y[:, t], (weight * states).sum(1)], 1), h)
            found.append(h)
        return torch.stack(found, 1)


def attention_seq2seq() -> Made:
    return SequenceToSequence(), (torch.randn(2, 5, 8), torch.randn(2, 3, 8))


ZOO: dict[str, Callable[[], Made]] = {
    made.__name__: made
    for made in (
        mlp, lenet, resnet18, vgg, mobilenet, ds_cnn, lstm_tagger, gru_tagger, bidirectional_lstm, projected_lstm,
        elman, transformer_encoder, transformer_decoder, conformer, mixer, unet, autoencoder, tcn, video_cnn, cells,
        recommender,
        attention_seq2seq, *LANGUAGE,
    )
}  # fmt: skip
