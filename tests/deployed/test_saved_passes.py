"""Chip models with lowering passes are saved and loaded with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pcmesh
from pcmesh.deployed.store.passes import StoredPass, passes_of
from pcmesh.errors import ConfigurationError, InputError, UnsupportedModelError
from pcmesh.lowering import CentreInputs, CollapseEmbedding, JoinRecurrent, Pass
from pcmesh.network.exported.capture import CapturedNetwork

PASSES = (CollapseEmbedding("words", into="lstm", copies=2), JoinRecurrent(("lstm",)), CentreInputs(("last",)))


class Tagger(nn.Module):
    """Words whose first one is padding, an LSTM over them, and a score for each."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(12, 8, padding_idx=0)
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.last = nn.Linear(16, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        y: Tensor = self.last(self.lstm(self.words(tokens))[0])
        return y


class Nothing(Pass):
    """A pass of one's own."""

    def after(self, captured: CapturedNetwork) -> CapturedNetwork:
        return captured


@pytest.mark.parametrize("capture", ["export", "eager"])
def test_a_chip_model_with_passes_comes_back_as_it_was(capture: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, tokens = Tagger().eval(), torch.randint(12, (40, 6), generator=torch.Generator().manual_seed(1))
    model = pcmesh.compile(network, tokens, lowering=PASSES, capture_by=capture)  # type: ignore[arg-type]
    model.save(tmp_path / "model")
    code = Tagger() if capture == "eager" else None
    loaded = pcmesh.load(tmp_path / "model", network=code)
    assert torch.equal(loaded(tokens[:7]), model(tokens[:7]))
    assert loaded.summary() == model.summary()
    again = loaded.on(number=1)
    assert torch.equal(again(tokens[:7]), model.on(number=1)(tokens[:7]))
    loaded.save(tmp_path / "again")
    stored = [json.loads((tmp_path / name / "chip_model.json").read_text())["passes"] for name in ("model", "again")]
    assert stored[0] == stored[1]
    assert [entry["name"] for entry in stored[0]] == ["CollapseEmbedding", "JoinRecurrent", "CentreInputs"]


def test_a_pass_of_ones_own_is_in_no_folder(tmp_path: Path) -> None:
    model = pcmesh.compile(nn.Linear(6, 3), torch.randn(300, 6), "ideal", lowering=(Nothing(),))
    with pytest.raises(ConfigurationError, match="Nothing is a pass of your own code"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (StoredPass(name="Nothing", options={}), "there is no pass 'Nothing'"),
        (StoredPass(name="JoinRecurrent", options={"layers": 3}), "x.json: a pass that is none"),
        (StoredPass(name="CentreInputs", options={}), "x.json: a pass that is none"),
    ],
)
def test_a_file_that_names_no_pass_is_refused(entry: StoredPass, words: str) -> None:
    with pytest.raises(InputError, match=words):
        passes_of((entry,), Path("x.json"))
    options = {"layers": ["a"], "scope": "vector"}
    assert passes_of((StoredPass(name="CentreInputs", options=options),), Path("x.json")) == (  # type: ignore[arg-type]
        CentreInputs(("a",), "vector"),
    )


def test_the_plain_graph_of_a_chip_model_has_its_gains_and_passes() -> None:
    torch.manual_seed(0)
    network, x = nn.Linear(64, 32), torch.randn(400, 64)
    with torch.no_grad():
        network.weight *= torch.logspace(-1.5, 0, 32)[:, None]
    model = pcmesh.compile(network, x, lowering=(CentreInputs(("weight",), scope="vector"),)).without_noise()
    got = model.export().module()(x)
    wanted = model(x)
    assert float((got - wanted).norm() / wanted.norm()) < 0.04
    of_samples = pcmesh.compile(network, x, "ideal", lowering=(CentreInputs(("weight",)),))
    with pytest.raises(UnsupportedModelError, match="weight: each sample's mean"):
        of_samples.export()
