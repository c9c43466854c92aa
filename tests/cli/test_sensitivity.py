"""pcmesh sensitivity, from the command line to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pcmesh.cli.networks.sensitivity import parse_bits
from pcmesh.errors import InputError
from pcmesh.reporting.pages.sensitivity import render_sensitivity
from tests.cli.conftest import Program

KWS = ("sensitivity", "kws", "--samples", 60, "--chips", 1, "--bits", "2:6:2", "--alone")


def test_keyword_network_from_command_to_report(program: Program, tmp_path: Path) -> None:
    outcome = program(*KWS, "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    assert max(map(len, outcome.out.splitlines())) <= 100
    result = json.loads((tmp_path / "result.json").read_text())
    assert [curve["group"] for curve in result["curves"]] == ["network", "layer0", "layer1", "layer2"]
    assert sum(curve["weights"] for curve in result["curves"][1:]) == result["curves"][0]["weights"] == 792_576
    assert {entry["layer"] for entry in result["advice"]} == {"layer0", "layer1", "layer2"}
    assert len(result["effective_bits"]["per_chip"]) == 1
    assert [entry["measure"] for entry in result["chip_ranking"]] == ["accuracy", "nats per choice"]
    assert all(set(entry["loss"]) == {"layer0", "layer1", "layer2"} for entry in result["chip_ranking"])
    assert max(abs(loss["mean"]) for loss in result["chip_ranking"][0]["loss"].values()) < 0.2
    assert result["curves"][0]["accuracy"][-1] == pytest.approx(result["baseline"], abs=0.1)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 2
    assert page.count("lost with one layer on the chip") == 2
    assert "60 samples of synthetic words" in page
    assert len(list((tmp_path / "points").iterdir())) == 1


OWN = """
import torch
from torch import nn

def make_model():
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))

def batches():
    yield torch.randn(30, 12), torch.arange(30) % 3

def broken():
    raise ValueError("no data today")
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "sensitive_model.py"
    path.write_text(OWN)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    x = torch.randn(300, 12)
    save_file({"inputs": x, "labels": network(x).argmax(1)}, tmp_path / "data.safetensors")
    return path


def test_own_network_from_command_to_report(program: Program, own: Path, tmp_path: Path) -> None:
    files = ("--weights", tmp_path / "weights.safetensors", "--data", tmp_path / "data.safetensors")
    outcome = program("sensitivity", f"{own}:make_model", *files, "--bits", "2:8:2", "--chips", 2, "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    assert max(map(len, outcome.out.splitlines())) <= 100
    assert "300 samples of your data" in outcome.out
    result = json.loads((tmp_path / "result.json").read_text())
    assert [curve["group"] for curve in result["curves"]] == ["network", "0", "2"]
    assert (result["metric"], result["baseline"]) == ("accuracy", 1.0)
    assert len(result["effective_bits"]["per_chip"]) == 2
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 2
    assert "utterances" not in page


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{code}:broken", "fails (ValueError: no data today)"),
        ("{code}:make_model", "a batch is a Sequential"),
        ("{folder}/weights.safetensors", "Store `inputs` and `labels`"),
        ("{folder}/none.safetensors", "not a readable safetensors file"),
    ],
)
def test_own_data_that_cannot_be_used(data: str, words: str, program: Program, own: Path, tmp_path: Path) -> None:
    data = data.format(code=own, folder=tmp_path)
    outcome = program("sensitivity", f"{own}:make_model", "--data", data, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert words in outcome.err
    assert not (tmp_path / "out").exists()


def test_report_of_word_errors_shows_expansion() -> None:
    curve = {
        "group": "enc-lstm0",
        "weights": 4,
        "bits": [2.0, 4.0],
        "accuracy": [0.5, 0.9],
        "threshold_bits": None,
        "threshold_text": "> 4",
        "threshold_ci95": [3.0, None],
    }
    result = {
        "network": "rnnt",
        "metric": "word error rate",
        "measure": {"better": "lower"},
        "baseline": 0.92,
        "limit": 0.91,
        "kept": 0.99,
        "curves": [curve],
        "whole": "network",
        "effective_bits": None,
        "advice": [{"layer": "enc-lstm0", "choice": "AB", "why": "sensitive"}],
        "expansion": [
            {"bits": 3.5, "rows": 240, "expanded": False, "accuracy": 0.58},
            {"bits": 3.5, "rows": 1024, "expanded": True, "accuracy": 0.92},
        ],
        "n_utterances": 10,
        "data": {"kind": "real", "source": "somewhere"},
        "seed": 0,
        "configuration": {},
    }
    page = render_sensitivity(result)
    assert page.count("<svg") == 3
    assert "Rows of Wx2" not in page
    assert "recorded speech" in page


def test_bits_are_a_range_with_both_ends() -> None:
    assert parse_bits("2:3:0.5") == (2, 2.5, 3)
    assert parse_bits("4:4:1") == (4,)


@pytest.mark.parametrize("text", ["", "2", "2:1:1", "0:4:1", "1:4:0", "1:4:-1", "a:b:c", "1:inf:1", "1:9:1e-9"])
def test_other_ranges_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="FROM:TO:STEP"):
        parse_bits(text)
