"""A sample's bits do not depend on its batch, however the network lays it out; where that is not sure, it is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import pcmesh
from pcmesh.network.capture import Way
from pcmesh.network.samples import Rows, SampleAxis, row_keys

SAMPLES, STEPS, FEATURES = 5, 4, 8


class Net(nn.Module):
    """Some layers, and what is done with them."""

    def __init__(self, run: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.run(self, x) if lengths is None else self.run(self, x, lengths)


def linear(inputs: int = FEATURES, outputs: int = FEATURES) -> nn.Linear:
    return nn.Linear(inputs, outputs)


def twice(net: Any, x: Tensor) -> Tensor:
    """A layer before and behind a transposition, so that it sees both layouts."""
    y: Tensor = net.one(torch.relu(net.one(x)).transpose(0, 1)).transpose(0, 1)
    return y


def merged(net: Any, x: Tensor) -> Tensor:
    y: Tensor = net.one(x.reshape(-1, FEATURES))
    return y.reshape(*x.shape[:2], FEATURES)


def turned(net: Any, x: Tensor) -> Tensor:
    y: Tensor = net.one(x.transpose(0, 1).reshape(-1, FEATURES))
    return y.reshape(x.shape[1], x.shape[0], FEATURES).transpose(0, 1)


def between(net: Any, x: Tensor) -> Tensor:
    """Rows of (half of the steps, samples, the other half)."""
    batch = x.shape[0]
    rows = x.reshape(batch, 2, STEPS // 2, FEATURES).transpose(0, 1).reshape(-1, FEATURES)
    y: Tensor = net.one(rows).reshape(2, batch, STEPS // 2, FEATURES).transpose(0, 1)
    return y.reshape(batch, STEPS, FEATURES)


def einsum(net: Any, x: Tensor) -> Tensor:
    y: Tensor = net.one(torch.einsum("ntc->tnc", x))
    return torch.einsum("tnc,tnd->ncd", y, y)


def attention(net: Any, x: Tensor) -> Tensor:
    y: Tensor = net.one(x, x, x, need_weights=False)[0]
    return y


def recurrence(net: Any, x: Tensor) -> Tensor:
    y: Tensor = net.one(x)[0]
    return y


def convolution(net: Any, x: Tensor) -> Tensor:
    """Steps as channels' neighbours: (N, T, C) -> (N, C, T)."""
    y: Tensor = net.one(x.transpose(1, 2)).transpose(1, 2)
    return y


def time_first_convolution(net: Any, x: Tensor) -> Tensor:
    """As above, with the samples in dimension 1."""
    y: Tensor = net.one(x.permute(1, 2, 0)).permute(2, 0, 1)
    return y


def constant_start(net: Any, x: Tensor) -> Tensor:
    """The first product sees the same zeros for every sample."""
    state = x.new_zeros(x.shape[0], FEATURES)
    for step in x.unbind(1):
        state = torch.tanh(net.one(state) + step)
    return state


CASES: dict[str, tuple[int, Callable[[], nn.Module]]] = {
    "merged": (0, lambda: Net(merged, one=linear())),
    "merged, steps first": (1, lambda: Net(merged, one=linear())),
    "transposed and merged": (0, lambda: Net(turned, one=linear())),
    "transposed and merged, steps first": (1, lambda: Net(turned, one=linear())),
    "both layouts in one layer": (0, lambda: Net(twice, one=linear())),
    "samples between steps": (0, lambda: Net(between, one=linear())),
    "einsum": (0, lambda: Net(einsum, one=linear())),
    "attention": (0, lambda: Net(attention, one=nn.MultiheadAttention(FEATURES, 2, batch_first=True))),
    "attention, steps first": (1, lambda: Net(attention, one=nn.MultiheadAttention(FEATURES, 2))),
    "GRU": (0, lambda: Net(recurrence, one=nn.GRU(FEATURES, 6, batch_first=True))),
    "LSTM, steps first": (1, lambda: Net(recurrence, one=nn.LSTM(FEATURES, 6, bidirectional=True))),
    "convolution": (0, lambda: Net(convolution, one=nn.Conv1d(FEATURES, 6, 3))),
    "convolution, steps first": (1, lambda: Net(time_first_convolution, one=nn.Conv1d(FEATURES, 6, 3))),
    "zeros first": (0, lambda: Net(constant_start, one=linear())),
}


def check_same_bits(chip: pcmesh.ChipModel, dim: int, size: int) -> None:
    shape = [size, STEPS, FEATURES]
    x = torch.randn(shape).movedim(0, dim)
    whole = chip(x).movedim(dim if chip(x).dim() > 2 else 0, 0)
    order = torch.randperm(size)

    def run(part: Tensor) -> Tensor:
        out: Tensor = chip(part)
        return out.movedim(dim if out.dim() > 2 else 0, 0)

    alone = torch.cat([run(x.narrow(dim, n, 1)) for n in range(size)])
    torch.testing.assert_close(alone, whole, rtol=0, atol=1e-6)  # digital operations round by batch
    torch.testing.assert_close(run(x.index_select(dim, order)), whole[order], rtol=0, atol=1e-6)
    torch.testing.assert_close(run(x.narrow(dim, 1, size - 1)), whole[1:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("way", ["export", "eager"])
@pytest.mark.parametrize("case", CASES)
def test_same_sample_same_bits(case: str, way: Way) -> None:
    torch.manual_seed(0)
    dim, make = CASES[case]
    x = torch.randn(SAMPLES, STEPS, FEATURES).movedim(0, dim)
    chip = pcmesh.compile(make(), x, batch_dim=dim, capture_by=way)
    assert not [warning for warning in chip.program.warnings if "which sample" in warning]
    for size in (SAMPLES, STEPS, FEATURES):  # as many samples as there are steps, and as features
        check_same_bits(chip, dim, size)


@pytest.mark.parametrize("way", ["export", "eager"])
def test_compiled_with_one_sample(way: Way) -> None:
    torch.manual_seed(0)
    network, x = CASES["attention, steps first"][1](), torch.randn(STEPS, 1, FEATURES)
    chip = pcmesh.compile(network, x, batch_dim=1, capture_by=way)
    check_same_bits(chip, 1, 3)


def test_two_inputs_that_never_meet() -> None:
    torch.manual_seed(0)

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = linear(), linear()

        def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            return self.one(x), self.two(y)

    x, y = torch.randn(2, 6, FEATURES)
    chip = pcmesh.compile(Two(), (x, y))
    whole = chip(x, y)
    alone = chip(x[2:3], y[2:3])
    assert all(torch.equal(a[0], b[2]) for a, b in zip(alone, whole, strict=True))


def test_a_fixed_batch_in_another_order() -> None:
    torch.manual_seed(0)
    chip = pcmesh.compile(Net(lambda net, x: net.one(x.view(6, FEATURES)), one=linear()), torch.randn(6, FEATURES))
    x, order = torch.randn(6, FEATURES), torch.tensor([3, 1, 5, 0, 2, 4])
    assert torch.equal(chip(x[order]), chip(x)[order])


def over_samples(net: Any, x: Tensor) -> Tensor:
    """A recurrence that takes the samples for its steps."""
    y: Tensor = net.one(x)[0]
    return y


def across_samples(net: Any, x: Tensor) -> Tensor:
    """A convolution over neighbouring samples."""
    y: Tensor = net.one(x.permute(1, 2, 0)).permute(2, 0, 1)
    return y


def sorted_by_value(net: Any, x: Tensor) -> Tensor:
    order = x[:, 0, 0].argsort()
    y: Tensor = net.one(x[order])[order.argsort()]
    return y


def sorted_by_hand(net: Any, x: Tensor, lengths: Tensor) -> Tensor:
    lengths, order = lengths.sort(descending=True)
    out = net.one(pack_padded_sequence(x[order], lengths, batch_first=True))[0]
    y: Tensor = pad_packed_sequence(out, batch_first=True, total_length=STEPS)[0][order.argsort()]
    return y


UNSURE: dict[str, tuple[Callable[..., Tensor], Callable[[], nn.Module]]] = {
    "recurrence over the samples": (over_samples, lambda: nn.GRU(FEATURES, 6)),
    "convolution over the samples": (across_samples, lambda: nn.Conv1d(FEATURES, 6, 3, padding=1)),
    "sorted by value": (sorted_by_value, linear),
    "sorted by hand": (sorted_by_hand, lambda: nn.GRU(FEATURES, 6, batch_first=True)),
}


@pytest.mark.parametrize("case", UNSURE)
def test_where_it_is_not_sure_the_summary_says_so(case: str) -> None:
    torch.manual_seed(0)
    run, make = UNSURE[case]
    more = (torch.tensor([2, 4, 3, 4, 1]),) if case == "sorted by hand" else ()
    chip = pcmesh.compile(Net(run, one=make()), (torch.randn(SAMPLES, STEPS, FEATURES), *more))
    assert "which of its vectors belong to which sample is not certain" in " ".join(chip.summary().split())
    again = torch.randn(SAMPLES, STEPS, FEATURES)
    assert torch.equal(chip(again, *more), chip(again, *more))


class Choosing(nn.Module):
    """Lays its batch out as the data say."""

    def __init__(self) -> None:
        super().__init__()
        self.one = linear()

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.amax() > 100):
            return merged(self, torch.cat([x, x[:, :1]], 1)[:, : STEPS + 1]).sum(1)
        y: Tensor = between(self, x).sum(1)
        return y


def test_a_layout_that_the_examples_did_not_show_is_said() -> None:
    chip = pcmesh.compile(Choosing(), torch.randn(SAMPLES, STEPS, FEATURES))
    x = torch.randn(SAMPLES, STEPS, FEATURES)
    chip(x)
    with pytest.warns(UserWarning, match="layer one: the network lays its samples out otherwise"):
        chip(x * 1000)


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 4),
    behind=st.integers(1, 3),
    slow=st.integers(1, 3),
    before=st.integers(1, 2),
    after=st.integers(1, 2),
)
def test_keys_of_any_layout(batch: int, behind: int, slow: int, before: int, after: int) -> None:
    """Every layout is a rearrangement of the rows of (sample, positions)."""
    samples, shared = torch.arange(10, 10 + batch), torch.zeros(1, dtype=torch.int64)
    axis = SampleAxis(1, behind, slow * behind)
    keys = row_keys(samples, shared, (before, slow * batch * behind, after), axis, 3, 5)
    own = keys.view(before, slow, batch, behind, after).movedim(2, 0).reshape(batch, -1)
    positions = torch.arange(own.shape[1])
    for number in range(batch):
        owners = torch.full_like(positions, number)
        assert torch.equal(
            own[number], row_keys(samples, shared, (len(positions),), Rows(owners, positions, batch), 3, 5)
        )
