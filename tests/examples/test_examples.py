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
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"own_network.py", "another_chip.py"}


def test_own_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert _main("own_network.py") > 0.95
    assert "2 tiles, 7 steps = 2100 ns a frame" in capsys.readouterr().out


def test_another_chip() -> None:
    tiles = [line.partition(": ")[2].partition(" tiles")[0] for line in _main("another_chip.py")]
    assert tiles == ["4", "2", "16", "8"]
