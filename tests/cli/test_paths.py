"""Paths that commands take: looked at before anything is computed, in every command alike."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

import pytest
import typer

from pcmesh.cli import paths
from pcmesh.cli.app import app
from tests.cli.conftest import Program

READ_BY_THE_COMMAND = {"folder"}
"""Folders of pcmesh compile: their reader says what they are and how to make them."""


class Option(NamedTuple):
    """An option or argument of a command that is a path or a number."""

    command: tuple[str, ...]
    name: str
    type: str
    info: Any

    @property
    def flag(self) -> str:
        given = [name for name in self.info.param_decls or () if name.startswith("--")]
        return given[0] if given else "--" + self.name.replace("_", "-")


def functions(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Callable[..., Any]]]:
    if path and group.info.invoke_without_command is True and group.registered_callback is not None:
        yield path, group.registered_callback.callback  # type: ignore[misc]
    for entry in group.registered_commands:
        yield (*path, str(entry.name)), entry.callback  # type: ignore[misc]
    for below in group.registered_groups:
        assert below.typer_instance is not None
        yield from functions(below.typer_instance, (*path, str(below.typer_instance.info.name)))


def options() -> list[Option]:
    found = []
    for command, function in functions(app):
        hints = get_type_hints(function, include_extras=True)
        for name in inspect.signature(function).parameters:
            kind, *rest = get_args(hints[name]) or (None,)
            if rest and hasattr(rest[0], "param_decls"):
                found.append(Option(command, name, str(kind), rest[0]))
    return found


EVERY = options()
JSON = [option for option in EVERY if option.name == "json"]


def named(option: Option) -> str:
    return " ".join((*option.command, option.name))


def test_every_path_is_checked() -> None:
    unchecked = [
        named(option)
        for option in EVERY
        if "Path" in option.type and option.info.callback is None and option.name not in READ_BY_THE_COMMAND
    ]
    assert unchecked == []
    assert {option.info.callback for option in JSON} == {paths.json_target}
    assert len(JSON) >= 15


@pytest.mark.parametrize("option", JSON, ids=named)
def test_json_that_cannot_be_written(option: Option, program: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target, problem in (
        (tmp_path, "it is a folder"),
        (tmp_path / "file" / "a.json", "is a file"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        outcome = program(*option.command, "--json", target)
        assert (outcome.code, outcome.out) == (2, "")
        assert problem in outcome.err
        assert len(outcome.err.splitlines()) == 1


READ = [
    option
    for option in EVERY
    if option.info.callback in (paths.input_file, paths.input_folder, paths.checkpoint_file, paths.chip_name)
    and "Option" in type(option.info).__name__
]


@pytest.mark.parametrize("option", READ, ids=named)
def test_what_is_not_there_or_of_another_kind(option: Option, program: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wrong = tmp_path / "file" if option.info.callback is paths.input_folder else tmp_path
    for given in (tmp_path / "none", wrong):
        outcome = program(*option.command, option.flag, given)
        assert (outcome.code, outcome.out) == (2, "")
        assert str(given) in outcome.err
        assert len(outcome.err.splitlines()) == 1


def test_one_file_for_two_purposes(program: Program, tmp_path: Path) -> None:
    source = tmp_path / "a.asm"
    source.write_text("halt\n")
    for arguments in (("--out", source), ("--json", source), ("--out", tmp_path / "b", "--json", tmp_path / "b")):
        outcome = program("asm", source, *arguments)
        assert outcome.code == 2
        assert "is named by" in outcome.err
    assert source.read_text() == "halt\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.asm"]


def test_a_default_folder_that_cannot_be_made(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").touch()
    for command in (("kws",), ("kws", "techniques"), ("sensitivity", "kws"), ("paper",)):
        outcome = program(*command)
        assert outcome.code == 2
        assert "cannot be written" in outcome.err


def test_json_alone_on_standard_output(program: Program, tmp_path: Path) -> None:
    source = tmp_path / "a.asm"
    source.write_text("halt\n")
    for target in ("-", "/dev/stdout"):
        outcome = program("asm", source, "--json", target)
        assert outcome.code == 0
        assert json.loads(outcome.out)["text"] == "halt\n"
        assert outcome.err == "00000000000000000000000000000000\n"
    outcome = program("transport", "--vectors", 1, "--json", "-")
    assert json.loads(outcome.out)["vectors"] == 1
    assert "Durations from the south-west ILP" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.asm"]
    assert "--json - writes JSON there" in program("asm", source, "--out", "-").err
