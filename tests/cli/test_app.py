"""The program as a whole: help that teaches, exit codes, errors in one line, a quick start."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings

import pytest
import typer

from pcmesh import __version__
from pcmesh.cli import app as application
from pcmesh.cli.app import app
from pcmesh.errors import ConfigurationError, Notice
from tests.cli.conftest import Program


def _commands(group: typer.Typer, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [(*path, entry.name or entry.callback.__name__) for entry in group.registered_commands if entry.callback]
    for entry in group.registered_groups:
        assert entry.typer_instance is not None
        name = (*path, str(entry.name or entry.typer_instance.info.name))
        found += [name, *_commands(entry.typer_instance, name)]
    return found


@pytest.mark.parametrize("command", [(), *_commands(app)], ids="-".join)
def test_every_command_explains_itself(command: tuple[str, ...], program: Program) -> None:
    outcome = program(*command, "--help")
    assert outcome.code == 0
    assert "Usage: pcmesh" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 100


def test_help_says_what_to_type_first(program: Program) -> None:
    assert "Type first: pcmesh kws" in program("--help").out
    assert program().out.strip() == program("--help").out.strip()


def test_version(program: Program) -> None:
    assert program("--version") == (0, f"pcmesh {__version__}\n", "")


@pytest.mark.parametrize("arguments", ["nonsense", "kws --nonsense", "kws --chips 0", "kws --chips many"])
def test_wrong_usage_exits_with_2(arguments: str, program: Program) -> None:
    outcome = program(*arguments.split())
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigurationError("rows = 0", "Give at\nleast 2"), "error: rows = 0. Give at least 2\n"),
        (PermissionError(13, "Permission denied", "out.json"), "error: out.json: Permission denied\n"),
        (OSError(28, "No space left on device"), "error: input or output: No space left on device\n"),
        (MemoryError(), "error: out of memory. Use fewer chips or a smaller network\n"),
    ],
)
def test_errors_a_user_can_mend_are_one_line(
    error: Exception, line: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(application, "app", fail)
    assert program() == (2, "", line)


def test_defects_are_one_line_and_the_traceback_where_it_is_asked_for(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("tile\n7")

    monkeypatch.setattr("pcmesh.cli.workloads.kws.parse_duration", fail)
    outcome = program("kws")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"error: internal error of pcmesh {__version__}: KeyError: 'tile\\n7'. Please report")
    assert outcome.err.count("\n") == 1
    monkeypatch.setenv("PCMESH_DEBUG", "1")
    assert "Traceback" in program("kws").err
    monkeypatch.setenv("PCMESH_DEBUG", "0")
    assert "Traceback" not in program("kws").err
    outcome = program("--debug", "kws")
    assert outcome.code == 1
    assert "Traceback" in outcome.err


def test_notices_are_one_line(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def notice(**_: object) -> None:
        warnings.warn(Notice("takes\nthe averaged weights"), stacklevel=1)

    monkeypatch.setattr(application, "app", notice)
    assert program() == (0, "", "note: takes the averaged weights\n")


def test_an_interrupt_exits_with_130(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pcmesh.cli.workloads.kws.parse_duration", interrupt)
    assert program("kws").code == 130


def test_help_starts_quickly_because_heavy_packages_wait() -> None:
    code = (
        "import sys, pcmesh.cli; print(*sorted({'torch', 'numba', 'librosa', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "pcmesh", "--help"], capture_output=True, check=True)
    assert time.perf_counter() - started < 1.0
