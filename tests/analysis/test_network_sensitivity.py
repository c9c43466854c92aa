"""Sensitivity of any network: what is quantised, what is counted, and the same network in other processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pcmesh
from pcmesh.analysis.batches import Batch
from pcmesh.analysis.judge import Judge
from pcmesh.analysis.sensitivity.float_network import FloatNetwork
from pcmesh.analysis.sensitivity.groups import groups_of
from pcmesh.analysis.sensitivity.network import network_sensitivity
from pcmesh.analysis.sensitivity.quantisation import quantise
from pcmesh.deployed import ChipModel
from pcmesh.errors import InputError


class Tagger(nn.Module):
    """A convolution with a norm, an LSTM and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Sequential(nn.Conv1d(4, 6, 3, padding=1, groups=2), nn.BatchNorm1d(6), nn.ReLU())
        self.lstm = nn.LSTM(6, 8, batch_first=True)
        self.out = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        hidden, _ = self.lstm(self.front(x).transpose(1, 2))
        y: Tensor = self.out(hidden)
        return y


class Branching(nn.Module):
    """A branch that depends on data: only its own code can run it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first(x))
        if y.abs().sum() > 1e9:
            y = y / 2
        out: Tensor = self.last(y)
        return out


def tagger() -> nn.Module:
    torch.manual_seed(3)
    network = Tagger()
    network.front[1].running_mean.uniform_(-0.2, 0.2)
    network.front[1].running_var.uniform_(0.5, 2)
    return network.eval()


def inputs(count: int = 40, seed: int = 5) -> Tensor:
    return torch.randn(count, 4, 7, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def chip_model() -> ChipModel:
    return pcmesh.compile(tagger(), inputs(), "ideal", scale_columns=False)


def test_groups_are_the_network_its_blocks_and_its_layers() -> None:
    names = ("embed", "layers.0.a", "layers.0.b.weight_ih_l0", "layers.0.b.weight_hh_l0", "layers.1.a", "head")
    found = groups_of({f"net.{name}": (name,) for name in names})
    assert next(iter(found)) == "network"
    assert found["network"] == names
    assert found["net.layers"] == names[1:5]
    assert found["net.layers.0"] == names[1:4]
    assert found["net.layers.0.b"] == names[2:4]
    assert "net.layers.1" not in found  # one layer: it has its own name
    assert [name for name in found if found[name] == ("head",)] == ["net.head"]


def test_only_the_group_is_quantised(chip_model: ChipModel) -> None:
    x, network = inputs(), tagger()
    wanted = network(x).argmax(-1)
    found = network_sensitivity(chip_model, [x], bits=(2, 12), chips=0)
    assert (found["metric"], found["n_samples"]) == ("agreement", 40)
    curves = {curve["group"]: curve for curve in found["curves"]}
    assert list(curves) == ["network", "lstm", "front.0", "lstm.weight_ih_l0", "lstm.weight_hh_l0", "out"]
    with torch.no_grad():
        network.out.weight.copy_(quantise(network.out.weight, 2))
    share = float((network(x).argmax(-1) == wanted).double().mean())
    assert curves["out"]["accuracy"][0] == pytest.approx(share, abs=1e-9)
    assert 0.2 < share < 1
    assert curves["network"]["accuracy"][-1] > 0.99


def test_what_is_quantised_is_what_tiles_hold() -> None:
    """A gain for each column takes an outlier's column out of the matrix's scale: fewer bits do."""
    torch.manual_seed(0)
    network, x = nn.Linear(32, 16), torch.randn(300, 32)
    with torch.no_grad():
        network.weight[3, :] *= 50
    kept = {}
    for scaled in (False, True):
        chip_model = pcmesh.compile(network, x, "ideal", scale_columns=scaled)
        result = network_sensitivity(chip_model, [x], bits=(6,), chips=0)
        kept[scaled] = result["curves"][0]["accuracy"][0]
        held = FloatNetwork.of(chip_model)
        torch.testing.assert_close(held(x), network(x).detach(), rtol=1e-4, atol=1e-4)
    assert kept[True] > kept[False] + 0.05


def test_labels_are_what_counts_where_there_are_some(chip_model: ChipModel) -> None:
    x = inputs()
    labels = tagger()(x).argmax(-1).clone()
    labels[:10] = (labels[:10] + 1) % 5
    found = network_sensitivity(chip_model, [(x, labels)], bits=(8,), chips=2)
    assert found["metric"] == "accuracy"
    assert found["baseline"] == pytest.approx(0.75)
    assert len(found["effective_bits"]["accuracy_per_chip"]) == 2
    assert found["effective_bits"]["accuracy_per_chip"][0] == pytest.approx(0.75, abs=0.03)  # an ideal chip


def test_a_single_number_is_judged_by_its_variance() -> None:
    torch.manual_seed(0)
    network, x = nn.Linear(12, 1).eval(), torch.randn(300, 12)
    chip_model = pcmesh.compile(network, x, "ideal", scale_columns=False)
    found = network_sensitivity(chip_model, [x[:200], x[200:]], bits=(3,), chips=0)
    assert found["metric"] == "variance"
    y, weight = network(x).detach(), network.weight.detach()
    rough = x @ quantise(weight, 3).T + network.bias.detach()
    left = 1 - float(((rough - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    assert found["curves"][0]["accuracy"][0] == pytest.approx(left, abs=1e-5)


@pytest.mark.parametrize("network", [tagger(), Branching().eval()], ids=["exported", "own code"])
def test_another_process_gets_the_same_network(network: nn.Module) -> None:
    x, layer = (inputs(), "out") if isinstance(network, Tagger) else (torch.randn(9, 6), "last")
    here = FloatNetwork.of(pcmesh.compile(network, x, "ideal", layers={layer: "AB,copies=4"}))
    with torch.no_grad():
        here.matrices[1].mul_(0.5)
    there = pickle.loads(pickle.dumps(here))
    assert not torch.allclose(here(x), network(x))
    assert torch.equal(here(x), there(x))


def test_a_stop_does_not_change_the_figures(chip_model: ChipModel, tmp_path: Path) -> None:
    told: list[str] = []
    options = {"bits": (2, 4), "chips": 1, "folder": tmp_path}
    first = network_sensitivity(chip_model, [inputs()], **options)
    again = network_sensitivity(chip_model, [inputs()], report=lambda stage, *_: told.append(stage), **options)
    alone = network_sensitivity(chip_model, [inputs()], bits=(2, 4), chips=1)
    assert first == again == alone
    assert "weights of few bits" in told
    assert len(list(tmp_path.iterdir())) == 1
    network_sensitivity(chip_model, [inputs(seed=6)], bits=(2,), chips=0, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # other data, other points


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "no batches"),
        ([(inputs(), torch.zeros(40, 6, dtype=torch.int64))], r"240 labels \(40, 6\) for 280 outputs"),
        ([(inputs(), torch.zeros(40, 7))], "labels are of type torch.float32"),
        ([(inputs(), torch.zeros(40, 7, dtype=torch.int64)), inputs()], "some batches have labels"),
    ],
)
def test_data_that_do_not_fit(batches: list[object], words: str, chip_model: ChipModel) -> None:
    with pytest.raises(InputError, match=words):
        network_sensitivity(chip_model, batches)


def test_constant_output_is_refused() -> None:
    with pytest.raises(InputError, match="the same number"):
        Judge.of([Batch(torch.zeros(4, 2))], [torch.zeros(4, 1)])
