"""`pcmesh examples`, and the commands of README.md that use what it writes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import soundfile

from pcmesh.hardware import load_chip
from pcmesh.speech.corpora import list_manifest
from tests.cli.conftest import Program

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
FILES = {
    "model.py",
    "data.py",
    "weights.safetensors",
    "data.safetensors",
    "another_chip.toml",
    "yes.wav",
    "hello.wav",
    "manifest.json",
}


def own_network_commands() -> list[list[str]]:
    """Return the commands of README's section on a network of one's own, but those that write the examples."""
    section = README.partition("## Your own network")[2].partition("\n## ")[0]
    lines = re.findall(r"^pcmesh .*", section, re.MULTILINE)
    words = [shlex.split(line, comments=True)[1:] for line in lines]
    return [command for command in words if command[0] != "examples"]


def test_what_is_written(program: Program, tmp_path: Path) -> None:
    outcome = program("examples", tmp_path / "mine")
    assert (outcome.code, outcome.err) == (0, "")
    assert "synthetic" in outcome.out
    assert {path.name for path in (tmp_path / "mine").iterdir()} == FILES
    assert load_chip(tmp_path / "mine" / "another_chip.toml").column.capacitor_units_used == 8
    for utterance in list_manifest(tmp_path / "mine" / "manifest.json"):
        samples, rate = soundfile.read(utterance.path)
        assert utterance.stated_s == len(samples) / rate
        assert abs(samples).max() > 0.5


def test_nothing_is_overwritten(program: Program, tmp_path: Path) -> None:
    (tmp_path / "data.py").write_text("mine")
    outcome = program("examples", tmp_path)
    assert outcome.code == 2
    assert "data.py: is there already" in outcome.err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def smaller(folder: Path) -> None:
    """Make the network and data of the examples, which the commands use as they stand, smaller."""
    for name in ("model.py", "data.py"):
        text = (folder / name).read_text().replace("784", "12").replace("256", "8").replace("2_000", "200")
        (folder / name).write_text(text.replace("range(4)", "range(2)"))


def test_commands_of_readme_can_be_pasted(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert program("examples", tmp_path).code == 0
    smaller(tmp_path)
    monkeypatch.chdir(tmp_path)
    commands = own_network_commands()
    assert [command[0] for command in commands] == ["compile", "choose", "evaluate", "sensitivity"]
    for command in commands:
        outcome = program(*(word.replace("784", "12") for word in command))
        assert outcome.code == 0, (command, outcome.err)
