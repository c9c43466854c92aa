"""NaN and infinity, wherever they enter: an error names the layer or the sample, or they come out; never numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import pcmesh
from pcmesh.errors import InputError, UnsupportedModelError
from pcmesh.network.layers.gates import recurrent_step

NAN, INF = float("nan"), float("inf")
WRONG = pytest.mark.parametrize("value", [NAN, INF, -INF])


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv1d(3, 8, 3, padding=1), nn.BatchNorm1d(8)
        self.lstm, self.layer_norm = nn.LSTM(8, 6, batch_first=True), nn.LayerNorm(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x)).relu().transpose(1, 2)
        return self.head(self.layer_norm(self.lstm(y)[0][:, -1]))


def data(samples: int = 40) -> Tensor:
    return torch.randn(samples, 3, 10, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def on_chip() -> pcmesh.ChipModel:
    return pcmesh.compile(Network().eval(), data())


@WRONG
@pytest.mark.parametrize("way", ["auto", "eager"])
@pytest.mark.parametrize(
    "name",
    ["conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
     "lstm.weight_hh_l0", "lstm.bias_ih_l0", "layer_norm.weight", "layer_norm.bias", "head.bias"],
)  # fmt: skip
def test_parameters_and_statistics(name: str, way: str, value: float) -> None:
    network = Network().eval()
    with torch.no_grad():
        network.state_dict()[name].view(-1)[1] = value
    with pytest.raises(UnsupportedModelError, match=name):
        pcmesh.compile(network, data(4), capture_by=way)  # type: ignore[arg-type]


@WRONG
def test_calibration_data(value: float) -> None:
    wrong = data(8)
    wrong[5, 1, 2] = value
    with pytest.raises(InputError, match="sample 5"):
        pcmesh.compile(Network().eval(), wrong)
    with pytest.raises(InputError, match=r"calibration batch 1.*sample 5"):
        pcmesh.compile(Network().eval(), data(8), calibration=[data(8), wrong])


def test_numbers_that_the_network_itself_makes_infinite() -> None:
    class Logarithm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x.log())

    with pytest.raises(InputError, match=r"at layer last .the network itself"):
        pcmesh.compile(Logarithm(), torch.zeros(4, 3))
    with pytest.raises(InputError, match="layer 0"):
        pcmesh.compile(nn.Sequential(nn.Linear(3, 2)), torch.full((4, 3), 3e38))


def test_calibration_batches_that_do_not_fit() -> None:
    network = nn.Sequential(nn.Linear(6, 3))
    for wrong, words in (
        ([torch.randn(6)], "batch 0 has 1 dimensions"),
        ([torch.randn(4, 6), torch.randn(4, 5)], "batch 1: the network does not run"),
        ([], "no batches"),
        ([3], "no tensor"),
    ):
        with pytest.raises(InputError, match=words):
            pcmesh.compile(network, torch.randn(4, 6), calibration=wrong)
    whole = pcmesh.compile(network, torch.randn(4, 6), calibration=torch.randn(300, 6))
    assert whole.program.frames.samples == 300


@WRONG
def test_the_inputs_of_a_call_come_out(on_chip: pcmesh.ChipModel, value: float) -> None:
    x = data(12)
    right = on_chip(x)
    x[7, 2, 3] = value
    got = on_chip(x)
    assert not torch.isfinite(got[7]).any()
    others = torch.arange(12) != 7
    assert torch.equal(got[others], right[others])


@WRONG
@pytest.mark.parametrize(
    "options",
    [{"pack": True}, {"hand_over": True}, {"layers": {"0": "AB,copies=2"}}, {"layers": {"0": "4-PCM,expand=64"}}],
    ids=str,
)
def test_whatever_way_a_layer_is_mapped(value: float, options: dict[str, object]) -> None:
    network = nn.Sequential(nn.Linear(24, 30), nn.ReLU(), nn.Linear(30, 4))
    x = torch.randn(1100, 24)
    model = pcmesh.compile(network, x, **options)  # type: ignore[arg-type]
    x[1050, 3] = value
    got = model(x)
    assert torch.isnan(got[1050]).all()
    assert torch.isfinite(got[:1050]).all()


@WRONG
@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
def test_states_of_recurrent_layers(make: Callable[..., nn.RNNBase], value: float) -> None:
    class Stateful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = make(5, 4)

        def forward(self, x: Tensor, h: Tensor) -> Tensor:
            return self.layer(x, (h, h) if make is nn.LSTM else h)[0]

    x, h = torch.randn(3, 6, 5), torch.randn(1, 6, 4)
    model = pcmesh.compile(Stateful(), (x, h), batch_dim=1)
    h[0, 2, 1] = value
    got = model(x, h)
    assert not torch.isfinite(got[0, 2]).any()
    assert torch.isfinite(got[:, [0, 1, 3, 4, 5]]).all()


@pytest.mark.parametrize(("kind", "gates", "parts"), [("lstm", 4, 2), ("gru", 3, 1), ("rnn_tanh", 1, 1)])
@pytest.mark.parametrize("where", ["input", "state product", "state"])
def test_gates_pass_a_nan_on(kind: str, gates: int, parts: int, where: str) -> None:
    wx, wh = torch.randn(4, gates * 8), torch.randn(4, gates * 8)
    state = tuple(torch.randn(4, 8) for _ in range(parts))
    if where == "state":
        if kind == "rnn_tanh":
            pytest.skip("the step itself does not see its state")
        state[-1][1, 3] = NAN
    else:
        (wx if where == "input" else wh)[1, 3] = NAN
    after = recurrent_step(kind, wx, wh, state)  # type: ignore[arg-type]
    assert torch.isnan(after[0][1, 3])
    assert int(torch.isnan(after[0]).sum()) == 1


def test_data_to_evaluate_names_batch_and_sample() -> None:
    x = torch.randn(300, 6)
    model = pcmesh.compile(torch.nn.Linear(6, 3), x)
    bad = x[:8].clone()
    bad[5, 2] = torch.nan
    for measure in (pcmesh.evaluate, pcmesh.sensitivity, pcmesh.candidates):
        with pytest.raises(InputError, match="batch 1: sample 5: the network itself gives NaN"):
            measure(model, [x[:8], bad])  # type: ignore[operator]
