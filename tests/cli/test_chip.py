"""`pcmesh chip show`, `check` and `diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Program

BROKEN = "[tile]\nrows = 2048\n[timing]\nintegration_ns = 150\n[column]\nswing = 4\n"
OTHER = """
[column]
capacitor_units_used = 8

[[grid.pads]]
domain = "A"
edge = "west"
ilp_row = 0
olp_row = 1
"""


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "other.toml"
    path.write_text(OTHER)
    return path


def test_show_has_every_key_with_its_unit_and_standing(program: Program, tmp_path: Path) -> None:
    outcome = program("chip", "show", "--json", tmp_path / "chip.json")
    assert outcome.code == 0
    assert max(map(len, outcome.out.splitlines())) <= 100
    assert "35,651,584" in outcome.out
    found = json.loads((tmp_path / "chip.json").read_text())
    swing = next(value for value in found["values"] if value["key"] == "swing_v")
    assert (swing["shown"], swing["unit"], swing["standing"]) == ("0.45", "V", "derived")
    assert len(found["pads"]) == 6


def test_what_a_chip_changes_is_its_own(program: Program, other: Path) -> None:
    lines = [line.split() for line in program("chip", "show", other).out.splitlines()]
    changed = next(line for line in lines if line[:1] == ["capacitor_units_used"])
    assert changed == ["capacitor_units_used", "8", "this", "chip's", "nature2023:", "smallest"]


def test_check_lists_every_broken_limit_with_its_remedy(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(BROKEN)
    outcome = program("chip", "check", path, "--json", tmp_path / "broken.json")
    assert outcome.code == 2
    assert outcome.err == f"error: {path} breaks 3 limits. Each is listed with its remedy\n"
    assert "timing.integration_ns = 150: at least input_max_ns = 255" in outcome.out
    assert "Raise integration_ns to 255, or shorten input_max_ns to 150" in outcome.out
    broken = json.loads((tmp_path / "broken.json").read_text())["broken"]
    assert [entry["key"] for entry in broken] == ["tile.rows", "column.swing", "timing.integration_ns"]


def test_check_of_a_good_chip(program: Program, other: Path) -> None:
    outcome = program("chip", "check", other)
    assert (outcome.code, outcome.err) == (0, "")
    assert "breaks no limit" in outcome.out


def test_check_notes_what_a_chip_cannot_do(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[timing]\ninput_max_ns = 127\nintegration_ns = 130\n")
    outcome = program("chip", "check", path)
    assert outcome.code == 0
    notes = [line for line in outcome.out.splitlines() if line.startswith("note: ")]
    assert len(notes) == 2
    assert "output_max_ns = 255 and input_max_ns = 127. Set both alike" in notes[0]
    assert "timing.integration_ns = 130" in notes[1]
    assert "note" not in program("chip", "check", "nature2023").out


def test_diff_against_the_preset_and_between_two(program: Program, other: Path, tmp_path: Path) -> None:
    target = tmp_path / "diff.json"
    assert program("chip", "diff", other, "--json", target).code == 0
    found = {entry["key"]: (entry["old"], entry["new"]) for entry in json.loads(target.read_text())["differences"]}
    assert found.pop("column.capacitor_units_used") == ("smallest", "8")
    assert found.pop("grid.pads.A.edge") == ("-", "west")
    assert all(key.startswith("grid.pads.") for key in found)
    back = program("chip", "diff", other, "nature2023").out
    assert ["column.capacitor_units_used", "8", "smallest"] in [line.split() for line in back.splitlines()]
    assert "differ in nothing" in program("chip", "diff", "nature2023").out
