"""`pcmesh compare`: two files, or folders that hold a result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Program
from tests.reporting.sample import kws_result


def _write(path: Path, result: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result))
    return path


def test_two_results_side_by_side(program: Program, tmp_path: Path) -> None:
    first = kws_result()
    better = {"mean": 0.8714, "ci95": [0.869, 0.874], "per_chip": [0.87, 0.871, 0.874]}
    second = first | {"chip_accuracy": better, "configuration": {"chip": "mine.toml"}}
    _write(tmp_path / "a" / "result.json", first)
    b = _write(tmp_path / "b.json", second)
    outcome = program("compare", tmp_path / "a", b, "--json", tmp_path / "c.json")
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= 100
    assert "the difference is clear" in outcome.out
    assert "mine.toml" in outcome.out
    found = json.loads((tmp_path / "c.json").read_text())
    assert [figure["key"] for figure in found["figures"]] == ["chip_accuracy.mean"]
    assert found["paired"][0]["verdict"] == "the difference is clear"


@pytest.mark.parametrize("content", ["[1]", "no json"])
def test_what_is_no_result(content: str, program: Program, tmp_path: Path) -> None:
    good = _write(tmp_path / "a.json", kws_result())
    (tmp_path / "b.json").write_text(content)
    for other in (tmp_path / "b.json", tmp_path, tmp_path / "none.json"):
        outcome = program("compare", good, other)
        assert (outcome.code, outcome.out) == (2, "")
        assert len(outcome.err.splitlines()) == 1
