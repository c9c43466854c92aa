"""The examples run and show what they promise."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def _main(name: str) -> Any:
    return runpy.run_path(str(EXAMPLES / name))["main"]()


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "any_network.py", "own_network.py", "another_chip.py", "speech_detector.py", "hard_gates.py",
    }  # fmt: skip


def test_own_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert _main("own_network.py") > 0.95
    assert "2 tiles, 2100 ns, " in capsys.readouterr().out


def test_another_chip() -> None:
    tiles = [line.partition(": ")[2].partition(" tiles")[0] for line in _main("another_chip.py")]
    assert tiles == ["4", "2", "16", "8"]


def test_hard_gates() -> None:
    found = _main("hard_gates.py")
    soft, digital, tiles = found.values()
    assert min(row["software"] for row in found.values()) > 0.9
    assert tiles["chip"] > tiles["software"] - 0.1
    assert tiles["activations"] == digital["activations"] / 5  # of f, i, o, tanh(g), tanh(c) the last one stays
    assert tiles["operations"] < digital["operations"] < soft["operations"]


def test_any_network() -> None:
    found = _main("any_network.py")
    assert found["software"] > 0.93
    assert min(found.values()) > found["software"] - 0.03


def test_speech_detector() -> None:
    pytest.importorskip("silero_vad")
    found = runpy.run_path(str(EXAMPLES / "speech_detector.py"))["main"](synthetic_recordings=2)
    assert found["chip"] > 0.9
