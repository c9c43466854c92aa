"""Capture: the network computes the same, every product with a weight is found, and nothing goes unmentioned."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pcmesh.errors import InputError, UnsupportedModelError
from pcmesh.network.capture import Way, capture
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.products import RecordedProducts

TILE = (512, 512)
TOLERANCE = 1e-4


def captured(network: nn.Module, *inputs: Tensor, way: Way = "export", **options: object) -> CapturedNetwork:
    """Capture, and check that the captured network computes what the network computes."""
    found = capture(network, Examples.of(inputs), TILE, way=way, **options)  # type: ignore[arg-type]
    network.eval()
    with torch.no_grad():
        wanted, got = network(*inputs), found.module(*inputs)
    flat = zip(torch.utils._pytree.tree_leaves(wanted), torch.utils._pytree.tree_leaves(got), strict=True)
    for a, b in flat:
        torch.testing.assert_close(b, a, rtol=TOLERANCE, atol=TOLERANCE)
    return found


@settings(max_examples=12, deadline=None)
@given(
    dims=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    dilation=st.integers(1, 2),
    padding=st.integers(0, 2),
    groups=st.sampled_from([1, 2, 4]),
    transposed=st.booleans(),
)
def test_convolutions_of_any_geometry(
    dims: int, kernel: int, stride: int, dilation: int, padding: int, groups: int, transposed: bool
) -> None:
    torch.manual_seed(0)
    plain = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
    other = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[dims - 1]
    made = (other if transposed else plain)(4, 8, kernel, stride, padding, dilation=dilation, groups=groups)
    found = captured(made, torch.randn(2, 4, *[7] * dims))
    assert [operation.where for operation in found.operations] == ["analog"]
    assert sum(product.columns for product in found.products) == 8 * (kernel**dims if transposed else 1)


@settings(max_examples=10, deadline=None)
@given(
    kind=st.sampled_from([nn.LSTM, nn.GRU, nn.RNN]),
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    batch_first=st.booleans(),
    bias=st.booleans(),
    projection=st.booleans(),
)
def test_recurrent_layers_of_any_kind(
    kind: type[nn.RNNBase], layers: int, bidirectional: bool, batch_first: bool, bias: bool, projection: bool
) -> None:
    torch.manual_seed(0)
    more = {"proj_size": 3} if projection and kind is nn.LSTM else {}
    network = kind(5, 6, layers, bias=bias, batch_first=batch_first, bidirectional=bidirectional, **more)
    examples = Examples.of(torch.randn(3, 4, 5), 0 if batch_first else 1)
    found = capture(network, examples, TILE, way="export")
    x = examples.args[0]
    torch.testing.assert_close(found.module(x)[0], network.eval()(x)[0], rtol=TOLERANCE, atol=TOLERANCE)
    each = 3 if more else 2
    assert len(found.products) == each * layers * (2 if bidirectional else 1)


def test_a_batch_of_any_size_in_an_exported_network() -> None:
    network = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2))
    found = captured(network, torch.randn(1, 5))
    assert found.any_batch
    x = torch.randn(11, 5)
    torch.testing.assert_close(found.module(x), network(x))


def test_batch_normalisation_is_folded_and_dropout_vanishes() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout(), nn.Flatten(), nn.LazyLinear(4))
    network(torch.randn(2, 2, 6, 6))
    network[1].running_mean.normal_()
    network[1].running_var.uniform_(0.5, 2.0)
    found = captured(network, torch.randn(2, 2, 6, 6))
    places = {operation.kind: operation.where for operation in found.operations}
    assert places == {
        "conv2d": "analog", "batch_norm": "folded", "dropout": "folded", "flatten": "moved", "linear": "analog",
    }  # fmt: skip


class Tied(nn.Module):
    """A layer used twice, and an output layer that shares the embedding's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 6)
        self.layer = nn.Linear(6, 6)
        self.head = nn.Linear(6, 9, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: Tensor) -> Tensor:
        y: Tensor = self.head(self.layer(torch.tanh(self.layer(self.table(tokens)))))
        return y


@pytest.mark.parametrize("way", ["export", "eager"])
def test_shared_and_tied_weights_are_mapped_once(way: Way) -> None:
    found = captured(Tied(), torch.randint(0, 9, (2, 4)), way=way)
    shared = next(product for product in found.products if product.name == "layer")
    tied = next(product for product in found.products if product.name != "layer")
    assert len(found.products) == 2
    assert set(tied.parameters) == {"table.weight", "head.weight"}
    if way == "export":
        assert shared.sites == ("layer", "layer")


def test_attention_products_stay_digital_and_its_projections_do_not() -> None:
    found = captured(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(2, 5, 8))
    where = {(operation.kind, operation.where) for operation in found.operations}
    assert ("scaled_dot_product_attention", "digital") in where
    assert {product.name for product in found.products} == {
        "self_attn.in_proj_weight", "self_attn.out_proj", "linear1", "linear2",
    }  # fmt: skip


def test_unsigned_inputs_are_recognised() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    found = captured(network, torch.randn(2, 4))
    assert [product.signed for product in found.products] == [True, False, True]


def test_a_recurrent_layer_gives_signed_values() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.out = nn.LSTM(4, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.out(self.lstm(x)[0])
            return out

    assert all(product.signed for product in captured(Own(), torch.randn(2, 3, 4)).products)


def test_weights_computed_from_parameters_are_programmed_as_they_are() -> None:
    found = captured(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), torch.randn(2, 4))
    assert len(found.products) == 1
    assert len(found.products[0].parameters) == 2


class Wandering(nn.Module):
    """Takes another way for other data."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.c = nn.Conv1d(4, 8, 3, groups=2, padding=1)
        self.lstm = nn.LSTM(8, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(int((x.abs().sum() > 0).sum()) + 1):
            x = self.a(x)
        y = self.c(x[:, :, None].expand(-1, -1, 3)).transpose(1, 2)
        if y.abs().sum() > 1e9:
            y = self.b(y)
        out: Tensor = self.lstm(y)[0]
        return out


class Packed(nn.Module):
    """Recurrent layers over packed sequences."""

    def __init__(self, kind: str, layers: int, bidirectional: bool, projection: int, is_sorted: bool) -> None:
        super().__init__()
        options = {"proj_size": projection} if kind == "LSTM" and projection else {}
        made = getattr(nn, kind)(6, 8, layers, batch_first=True, bidirectional=bidirectional, **options)
        self.layer, self.is_sorted = made, is_sorted
        self.out = nn.Linear((options.get("proj_size") or 8) * (1 + bidirectional), 3)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=self.is_sorted)
        y, last = self.layer(packed)
        return self.out(pad_packed_sequence(y, batch_first=True)[0]), last


@settings(max_examples=10, deadline=None)
@given(
    kind=st.sampled_from(["LSTM", "GRU", "RNN"]),
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    projection=st.sampled_from([0, 5]),
    lengths=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    is_sorted=st.booleans(),
)
def test_packed_sequences(
    kind: str, layers: int, bidirectional: bool, projection: int, lengths: list[int], is_sorted: bool
) -> None:
    torch.manual_seed(0)
    lengths = sorted(lengths, reverse=True) if is_sorted else lengths
    network = Packed(kind, layers, bidirectional, projection, is_sorted)
    x = torch.randn(len(lengths), max(lengths), 6)
    found = captured(network, x, torch.tensor(lengths), way="auto")
    matrices = (2 + (projection > 0 and kind == "LSTM")) * layers * (1 + bidirectional) + 1
    assert len(found.products) == matrices
    assert [o.where for o in found.operations if o.kind in ("lstm", "gru", "rnn_tanh")] == ["analog"]


def test_a_packed_sequence_as_input_is_refused() -> None:
    with pytest.raises(InputError, match="pack_padded_sequence in the network"):
        Examples.of(pack_padded_sequence(torch.randn(2, 3, 4), torch.tensor([3, 2]), batch_first=True))


def test_pins_hold_where_own_code_runs() -> None:
    found = captured(Wandering(), torch.randn(3, 4), way="eager", pins={"c": "digital", "lstm": "digital"})
    assert {product.name for product in found.products} == {"a"}
    assert {o.why for o in found.operations if o.kind == "convolution"} == {"pinned (c)"}

    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(9, 6)

        def forward(self, tokens: Tensor) -> Tensor:
            out: Tensor = self.table(tokens).sum(1)
            return out

    found = captured(Table(), torch.randint(0, 9, (2, 4)), way="eager", pins={"table": "analog"})
    assert [(p.rows, p.columns, p.signed) for p in found.products] == [(9, 6, False)]


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolutions_run_on_tiles_where_own_code_runs(groups: int) -> None:
    made = nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=groups)
    found = captured(made, torch.randn(2, 4, 5, 5), way="eager")
    assert [(o.kind, o.where) for o in found.operations] == [("convolution", "analog")]


def test_a_network_that_cannot_be_exported_runs_its_own_code() -> None:
    found = captured(Wandering(), torch.randn(3, 4), way="auto")
    assert "own Python code" in found.warnings[0]
    assert {product.name for product in found.products} == {"a", "c", "lstm.weight_ih_l0", "lstm.weight_hh_l0"}
    recorder = RecordedProducts(found.weights)
    with found.runtime.computing(recorder):
        found.module(torch.randn(2, 4))
    assert recorder.rows == {"a": 4, "c": 6, "lstm.weight_ih_l0": 6, "lstm.weight_hh_l0": 6}


def test_weights_that_moved_in_memory_are_known_again() -> None:
    found = captured(Wandering(), torch.randn(3, 4), way="eager")
    found.module.share_memory()  # what sending it to another process does
    recorder = RecordedProducts(found.weights)
    with found.runtime.computing(recorder):
        found.module(torch.randn(2, 4))
    assert set(recorder.rows) == set(found.weights)


def test_export_alone_names_the_module_that_depends_on_data() -> None:
    network = nn.Sequential(nn.Linear(4, 4), Wandering())
    with pytest.raises(UnsupportedModelError, match=r"module 1: torch\.export cannot trace it"):
        capture(network, Examples.of(torch.randn(3, 4)), TILE, way="export")


def test_a_way_that_the_examples_did_not_take_is_refused() -> None:
    network = Wandering()
    found = captured(network, torch.randn(3, 4), way="auto")
    with pytest.raises(UnsupportedModelError, match=r"uses b\.weight"):
        found.module(torch.full((3, 4), 1e15))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_named(value: float) -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4)))
    with torch.no_grad():
        network[1][0].weight[1, 2] = value
    with pytest.raises(UnsupportedModelError, match=r"1\.0\.weight: a value is NaN"):
        capture(network, Examples.of(torch.randn(3, 4)), TILE)


def test_inputs_that_do_not_fit_and_networks_without_products() -> None:
    with pytest.raises(InputError, match="module 0 does not run"):
        capture(nn.Sequential(nn.Linear(4, 4)), Examples.of(torch.randn(3, 5)), TILE)
    with pytest.raises(UnsupportedModelError, match="no matrix product"):
        capture(nn.ReLU(), Examples.of(torch.randn(3, 5)), TILE)
    with pytest.raises(InputError, match="no tensor"):
        Examples.of(("text",))


def test_layers_that_the_user_keeps_digital() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    found = captured(network, torch.randn(2, 4), pins={"2": "digital"})
    assert [product.name for product in found.products] == ["0"]
    assert found.operations[-1].why == "pinned (2)"


@pytest.mark.parametrize("pin", ["analog", None])
def test_an_embedding_is_one_hot_rows_only_if_pinned(pin: str | None) -> None:
    network = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 3))
    found = captured(network, torch.randint(0, 9, (2, 4)), pins={"0": pin} if pin else {})
    assert [product.name for product in found.products] == (["0", "1"] if pin else ["1"])
    assert found.operations[0].where == (pin or "digital")
