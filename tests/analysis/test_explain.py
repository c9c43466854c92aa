"""What a result says of itself; nothing that it does not hold."""

from __future__ import annotations

from typing import Any

import pytest

from pcmesh.analysis.results.explain import Explanation, explain
from pcmesh.errors import InputError
from pcmesh.hardware import load_chip
from tests.reporting.sample import kws_result


def _keywords(chip: str = "nature2023", **changes: Any) -> dict[str, Any]:
    asked = {"chips": 3, "seed": 1, "utterances": 200, "balanced": True, "calibrated": True}
    return kws_result() | {"chip": load_chip(chip).model_dump(mode="json"), "configuration": asked} | changes


def _text(found: Explanation) -> str:
    return "\n".join([*found.findings, *(entry.command for entry in found.suggestions)])


def test_imperfections_are_those_of_the_chip_in_the_result() -> None:
    assert all(entry.on for entry in explain(_keywords()).imperfections)
    assert not any(entry.on for entry in explain(_keywords("ideal")).imperfections)
    chip = load_chip().model_dump(mode="json")
    chip["mesh"] |= {"hop_width_sigma_ns": 0.0, "clock_ratio_sigma": 0.0, "jitter_ns": 0.0}
    off = [entry.name for entry in explain(_keywords() | {"chip": chip}).imperfections if not entry.on]
    assert off == ["Clocks and edges on the mesh"]


def test_a_chip_that_the_result_does_not_hold_is_not_guessed() -> None:
    assert explain(kws_result()).imperfections == ()  # it only names its chip


def test_figures_stand_in_the_findings() -> None:
    layers = kws_result()["layers"]
    layers[1]["mac_sigma"] = 0.05
    text = _text(explain(_keywords(layers=layers)))
    assert "Accuracy 86.14 % on chips, 86.75 % in software: -0.61 points" in text
    assert "furthest from software in L1: MAC error 5.00 %" in text
    assert "1.00 % of the weights" in text


@pytest.mark.parametrize(
    ("interval", "said"),
    [([0.85, 0.87], "do not decide"), ([0.859, 0.87], "is reached"), ([0.85, 0.858], "is missed")],
)
def test_the_limit_is_reached_missed_or_open(interval: list[float], said: str) -> None:
    accuracy = {"mean": 0.86, "ci95": interval, "per_chip": [0.86, 0.86, 0.86]}
    assert said in _text(explain(_keywords(chip_accuracy=accuracy)))


def test_commands_run_the_same_chips_and_words() -> None:
    found = explain(_keywords(), "runs/mine")
    commands = [entry.command for entry in found.suggestions]
    assert "pcmesh kws --utterances 200 --chips 3 --seed 1 --chip ideal --out runs/kws-ideal" in commands
    assert "pcmesh compare runs/mine runs/kws-ideal" in commands
    assert not any("--chip ideal" in entry.command for entry in explain(_keywords("ideal")).suggestions)


def test_one_chip_has_no_interval() -> None:
    accuracy = {"mean": 0.86, "ci95": [0.86, 0.86], "per_chip": [0.86]}
    found = explain(_keywords(chip_accuracy=accuracy))
    assert "One chip" in _text(found)
    assert found.suggestions[0].command == "pcmesh kws --utterances 200 --seed 1 --out runs/kws-chips"


def test_a_network_of_ones_own() -> None:
    chip = {"samples": 8, "error": 0.1, "same_choice": 0.75, "software_accuracy": None, "chip_accuracy": None}
    text = _text(explain({"time": "1w", "recalibrated": False, "seed": 0, "chips": [chip]}))
    assert "0.100" in text
    assert "75.00 %" in text
    assert "Accuracy" not in text
    assert "--time 1w --recalibrate" in text


def test_speech() -> None:
    wer = {"mean": 0.12, "ci95": [0.1, 0.14], "per_chip": [0.11, 0.13]}
    conditions = [
        {"layers": ["enc-lstm0"], "wer": wer, "increase": 0.005},
        {"layers": ["enc-lstm0", "enc-lstm1"], "wer": wer, "increase": 0.02},
    ]
    text = _text(explain({"conditions": conditions, "software": {"wer": 0.1}}))
    assert "12.00 % on chips, 10.00 % in software (+2.00 points with enc-lstm0, enc-lstm1)" in text


@pytest.mark.parametrize("result", [{"tops": 1.0}, {"chip_accuracy": {"mean": 1}}, {"chips": [3]}])
def test_what_is_no_such_result(result: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"has none of|lacks what results hold"):
        explain(result)
