"""Lowering passes on small networks: the same numbers as PyTorch, other matrices on the tiles."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import pcmesh
from pcmesh.errors import ConfigurationError, VerificationError
from pcmesh.lowering import CentreInputs, CollapseEmbedding, JoinRecurrent


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


class Recurrent(nn.Module):
    """A recurrent layer of some kind and a linear one on its last output."""

    def __init__(self, kind: type[nn.RNNBase] = nn.LSTM, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn = kind(12, 16, batch_first=True, **options)
        outputs = (options.get("proj_size") or 16) * (1 + options.get("bidirectional", False))
        self.head = nn.Linear(outputs, 5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.rnn(x)[0][:, -1])
        return y


class Packed(nn.Module):
    """An LSTM over sequences of unequal lengths."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.LSTM(12, 16, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.rnn(packed)[0], batch_first=True)[0]


class Steps(nn.Module):
    """An LSTM cell, step by step."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell = nn.LSTMCell(12, 16)

    def forward(self, x: Tensor) -> Tensor:
        state = (x.new_zeros(len(x), 16), x.new_zeros(len(x), 16))
        for step in range(3):
            state = self.cell(x[:, step], state)
        return state[0]


class Words(nn.Module):
    """An embedding in front of a layer; token 0 is padding."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(9, 12, padding_idx=0)
        self.layer = layer

    def forward(self, tokens: Tensor) -> Tensor:
        found = self.layer(self.table(tokens))
        return found[0] if isinstance(found, tuple) else found


def compiled(network: nn.Module, *inputs: Tensor, chip: str = "ideal", **options: Any) -> pcmesh.ChipModel:
    return pcmesh.compile(network, inputs, chip, clipped_share=0.0, **options)


def error(network: nn.Module, model: pcmesh.ChipModel, *inputs: Tensor) -> float:
    with torch.no_grad():
        wanted = network.eval()(*inputs)
    return float((model(*inputs) - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("capture", ["export", "eager"])
@pytest.mark.parametrize(
    "options",
    [{}, {"bidirectional": True}, {"num_layers": 2}, {"proj_size": 6}, {"kind": nn.RNN}, {"bias": False}],
    ids=lambda options: next(iter(options), "plain"),
)
def test_joined_recurrent_layers_equal_pytorch(options: dict[str, Any], capture: str) -> None:
    network, x = Recurrent(**options), random(40, 7, 12)
    model = compiled(network, x, lowering=(JoinRecurrent(),), capture_by=capture)
    assert error(network, model, x) < 3e-3
    apart = compiled(network, x, capture_by=capture)
    count = [len(entry.program.captured.products) for entry in (apart, model)]
    cells = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    assert count[0] - count[1] == cells
    first = model.program.captured.products[0]
    assert first.name == "rnn.weight_l0"
    assert first.rows == 12 + (options.get("proj_size") or 16)
    assert torch.equal(model(x)[[5, 2]], model(x[[5, 2]]))
    figures = [entry.figures() for entry in (apart, model)]
    assert figures[1]["energy_j"] < figures[0]["energy_j"]


def test_a_joined_cell_and_packed_sequences_equal_pytorch() -> None:
    network, x = Steps(), random(60, 3, 12)
    model = compiled(network, x, lowering=(JoinRecurrent(("cell",)),))
    assert [product.name for product in model.program.captured.products] == ["cell.weight"]
    assert error(network, model, x) < 3e-3

    packed, lengths = Packed(), torch.tensor([5, 9, 2, 7] * 8)
    given = random(32, 9, 12), lengths
    model = compiled(packed, *given, lowering=(JoinRecurrent(),), capture_by="eager")
    assert error(packed, model, *given) < 3e-3
    real = compiled(packed, *given, chip="nature2023", lowering=(JoinRecurrent(),), capture_by="eager")
    alone = real(given[0][[3]][:, :7], lengths[[3]])
    with real.samples([str(number) for number in range(32)]):
        together = real(*given)
    with real.samples(["3"]):
        alone = real(given[0][[3]][:, :7], lengths[[3]])
    assert torch.equal(together[3, :7], alone[0])


def test_only_some_layers_are_joined() -> None:
    network, x = Recurrent(num_layers=2), random(30, 5, 12)
    model = compiled(network, x, lowering=(JoinRecurrent(("rnn.weight_hh_l1",)),))
    names = [product.name for product in model.program.captured.products]
    assert names == ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.weight_l1", "head"]
    assert error(network, model, x) < 3e-3


def test_what_cannot_be_joined_is_named() -> None:
    x = random(4, 5, 12)
    with pytest.raises(ConfigurationError, match="GRU's candidate"):
        compiled(Recurrent(nn.GRU), x, lowering=(JoinRecurrent(("rnn",)),))
    with pytest.raises(ConfigurationError, match="no LSTM"):
        compiled(Recurrent(nn.GRU), x, lowering=(JoinRecurrent(),))
    with pytest.raises(ConfigurationError, match="'rmn'"):
        compiled(Recurrent(), x, lowering=(JoinRecurrent(("rmn",)),))


@pytest.mark.parametrize("layer", ["linear", "lstm", "gru"])
@pytest.mark.parametrize("capture", ["export", "eager"])
def test_a_collapsed_embedding_equals_pytorch(layer: str, capture: str) -> None:
    torch.manual_seed(0)
    layers = {"linear": nn.Linear(12, 7), "lstm": nn.LSTM(12, 7), "gru": nn.GRU(12, 7)}
    network, tokens = Words(layers[layer]), torch.randint(0, 9, (40, 6), generator=torch.Generator().manual_seed(2))
    model = compiled(network, tokens, lowering=(CollapseEmbedding("table", "layer", copies=3),), capture_by=capture)
    assert error(network, model, tokens) < 3e-3
    first = model.program.captured.products[0]
    assert (first.rows, "table" in str(first.parameters)) == (3 * 8, False)  # no row for the padding


def test_a_collapsed_embedding_and_a_joined_lstm_together() -> None:
    network, tokens = Words(nn.LSTM(12, 7)), torch.arange(36).reshape(12, 3) % 9
    passes = (CollapseEmbedding("table", "layer", copies=2), JoinRecurrent(("layer",)))
    model = compiled(network, tokens, lowering=passes)
    assert [(product.name, product.rows) for product in model.program.captured.products] == [
        ("layer.weight_l0", 2 * 8 + 7)
    ]
    assert error(network, model, tokens) < 3e-3


def test_an_embedding_that_something_else_uses_is_not_collapsed() -> None:
    class Twice(Words):
        def forward(self, tokens: Tensor) -> Tensor:
            return self.layer(self.table(tokens)) + self.table(tokens).sum(-1, keepdim=True)

    tokens = torch.arange(36).reshape(12, 3) % 9
    with pytest.raises(VerificationError, match="CollapseEmbedding"):
        compiled(Twice(nn.Linear(12, 7)), tokens, lowering=(CollapseEmbedding("table", "layer"),))
    with pytest.raises(ConfigurationError, match="layer is a Linear"):
        compiled(Words(nn.Linear(12, 7)), tokens, lowering=(CollapseEmbedding("layer", "layer"),))


@pytest.mark.parametrize("scope", ["sample", "vector"])
@pytest.mark.parametrize("capture", ["export", "eager"])
def test_centred_inputs_are_undone_behind_the_product(scope: Any, capture: str) -> None:
    network = Recurrent()
    loud = torch.logspace(-2, 1, 40)[:, None, None]
    x = random(40, 7, 12) * loud + 3 * loud
    passes = (CentreInputs(("rnn.weight_ih_l0",), scope),)
    model = compiled(network, x, lowering=passes, capture_by=capture)
    assert error(network, model, x) < 3e-3
    seen = model.program.frames.inputs["rnn.weight_ih_l0"]
    assert float(seen.abs().max()) <= 1
    assert float(seen.mean().abs()) < 0.1
    assert torch.equal(model(x)[[30, 2]], model(x[[30, 2]]))
    real = [compiled(network, x, chip="nature2023", lowering=entry) for entry in ((), passes)]
    quiet = x[:8]
    assert error(network, real[1], quiet) < error(network, real[0], quiet)


def test_centred_packed_inputs_are_those_of_each_sample() -> None:
    network, lengths = Packed(), torch.tensor([5, 9, 2, 7] * 8)
    x = random(32, 9, 12) * torch.arange(1, 33)[:, None, None]
    model = compiled(network, x, lengths, lowering=(CentreInputs(("rnn.weight_ih_l0",)),), capture_by="eager")
    assert error(network, model, x, lengths) < 3e-3
    alone = model(x[[3]][:, :7], lengths[[3]])
    assert float((alone[0] - model(x, lengths)[3, :7]).abs().max()) < 1e-4


def test_columns_written_each_with_its_own_gain() -> None:
    torch.manual_seed(0)
    network, x = nn.Linear(64, 32, bias=False), random(400, 64)
    with torch.no_grad():
        network.weight *= torch.logspace(-1.5, 0, 32)[:, None]
    plain, scaled = (pcmesh.compile(network, x, scale_columns=on).without_noise() for on in (False, True))
    small = slice(0, 8)
    with torch.no_grad():
        wanted = network(x)
    errors = [float((model(x) - wanted)[:, small].norm() / wanted[:, small].norm()) for model in (plain, scaled)]
    assert errors[1] < 0.5 * errors[0]
    old = scaled.at("1w")
    again = old.recalibrate()
    assert float((again(x) - wanted).norm()) < float((old(x) - wanted).norm())
