"""Tables, progress and result files of the commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcmesh.cli.output import console, facts, progress, table, write_report, write_result


def _shown(capsys: pytest.CaptureFixture[str], made: object) -> list[str]:
    console.cache_clear()
    console().print(made)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_numbers_are_set_right_and_words_left(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _shown(capsys, table("Layers", ("Layer", "Tiles"), [("a", 2), ("long name", 16)]))
    assert lines[0] == "Layers"
    rows = [line for line in lines if line.endswith(("2", "16"))]
    assert [line.split() for line in rows] == [["a", "2"], ["long", "name", "16"]]
    assert len({len(line) for line in rows}) == 1


def test_tables_keep_to_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    wide = [tuple("x" * 60 for _ in range(3))]
    assert max(map(len, _shown(capsys, table("Wide", ("a", "b", "c"), wide)))) <= 100
    assert max(map(len, _shown(capsys, facts("Facts", [("name", "y" * 200)])))) <= 100


def test_progress_is_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as report:
        for done in range(3):
            report("stage", done, 3)
    streams = capsys.readouterr()
    assert streams.err.strip() == ""
    assert streams.out == ""


def test_results_carry_versions_and_keep_their_own(tmp_path: Path) -> None:
    paths = write_result({"seed": 3}, tmp_path / "r.json", tmp_path / "run")
    assert paths == [tmp_path / "r.json", tmp_path / "run" / "result.json"]
    first, second = (json.loads(path.read_text()) for path in paths)
    assert first == second
    assert first["versions"]["pcmesh"]
    write_result({"versions": {"pcmesh": "9"}}, tmp_path / "r.json", None)
    assert json.loads((tmp_path / "r.json").read_text()) == {"versions": {"pcmesh": "9"}}


def test_report_lies_beside_the_result(tmp_path: Path) -> None:
    assert write_report("<html>", tmp_path / "run").read_text() == "<html>"
