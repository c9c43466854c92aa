"""pcmesh sensitivity, from the command line to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcmesh.cli.sensitivity import parse_bits
from pcmesh.errors import InputError
from pcmesh.reporting.sensitivity import render_sensitivity
from tests.cli.conftest import Program

KWS = ("sensitivity", "kws", "--utterances", 60, "--chips", 1, "--bits", "2:6:2")


def test_keyword_network_from_command_to_report(program: Program, tmp_path: Path) -> None:
    outcome = program(*KWS, "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    assert max(map(len, outcome.out.splitlines())) <= 100
    result = json.loads((tmp_path / "result.json").read_text())
    assert [curve["group"] for curve in result["curves"]] == ["network", "layer0", "layer1", "layer2"]
    assert sum(curve["weights"] for curve in result["curves"][1:]) == result["curves"][0]["weights"] == 792_576
    assert {entry["layer"] for entry in result["advice"]} == {"layer0", "layer1", "layer2"}
    assert len(result["effective_bits"]["per_chip"]) == 1
    assert [entry["measure"] for entry in result["chip_ranking"]] == ["accuracy", "nats per word"]
    assert all(set(entry["loss"]) == {"layer0", "layer1", "layer2"} for entry in result["chip_ranking"])
    assert max(abs(loss["mean"]) for loss in result["chip_ranking"][0]["loss"].values()) < 0.2
    assert result["curves"][0]["accuracy"][-1] == pytest.approx(result["baseline"], abs=0.1)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 2
    assert "synthetic speech" in page
    assert len(list((tmp_path / "points").iterdir())) == 1


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
        "metric": "wer",
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
