"""`pcmesh perf` as people use it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Program

LINE = 100


def test_keyword_network(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "perf.json"
    outcome = program("perf", "kws", "--utterances", "10", "--costs", "--json", file)
    assert outcome.code == 0, outcome.err
    assert max(len(line) for line in outcome.out.splitlines()) <= LINE
    assert "Where the energy goes" in outcome.out
    assert "fitted" in outcome.out
    found = json.loads(file.read_text())
    wanted = ("utterances", "operations", "total_time_s", "samples_per_s", "mean_sample_us", "real_time_factor")
    wanted += ("energy_j", "tops_per_w", "samples_per_s_per_w")
    for figures in (found, *found["variants"].values(), *found["per_chip"]):
        assert all(key in figures for key in wanted if key != "utterances")
    assert found["utterances"] == 10
    assert found["versions"]["pcmesh"]


def test_what_cannot_be_is_one_line(program: Program, tmp_path: Path) -> None:
    for arguments in (
        ("perf", tmp_path),
        ("perf", "kws", "--manifest", tmp_path / "none.json"),
        ("perf", "rnnt", "--manifest", tmp_path / "none.json", "--utterances", "1"),
        ("perf", "kws", "--set", "tile.rows"),
        ("perf", "kws", "--input-bits", "12"),
        ("perf", "kws", "--more-olps", "9"),
    ):
        outcome = program(*arguments)
        assert outcome.code == 2, arguments
        assert outcome.err.startswith("error: ")
        assert len(outcome.err.splitlines()) == 1
