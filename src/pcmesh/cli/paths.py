"""Paths that people give to commands, looked at before anything is computed.

Each function is the callback of an option or argument: it returns the value, or raises InputError.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from pathlib import Path
from typing import TextIO, TypeVar

import typer

from pcmesh.errors import InputError

STANDARD_OUTPUT = Path("-")
_STANDARD_OUTPUT = frozenset(map(Path, ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")))
_READ, _WRITTEN = "pcmesh.read", "pcmesh.written"
_OUTPUT: ContextVar[TextIO | None] = ContextVar("output", default=None)
_Paths = TypeVar("_Paths", Path, list[Path])


def json_target(context: typer.Context, parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """Check the file of --json; `-` is standard output, and then everything else goes to standard error."""
    if value in _STANDARD_OUTPUT and not context.resilient_parsing:
        context.with_resource(_only_json())
        return STANDARD_OUTPUT
    return file_target(context, parameter, value)


def file_target(context: typer.Context, parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """Check a file that will be written."""
    if value is not None and not context.resilient_parsing:
        with _named(value):
            _refuse_dash(parameter, value)
            if value.is_dir():
                raise InputError(f"{value}: cannot be written (it is a folder)", "Name a file")
            _check_parents(value)
            _write_once(context, parameter, [value])
    return value


def folder_target(context: typer.Context, parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """Check a folder that will be written; the default is left to `check_folder` where a command comes to use it."""
    if value is not None and not context.resilient_parsing:
        if not _is_default(context, parameter):
            _refuse_dash(parameter, value)
            check_folder(value)
        with _named(value):
            _write_once(context, parameter, [value, value / "result.json", value / "report.html"])
    return value


def check_folder(folder: Path) -> None:
    """Raise InputError where a folder cannot be written."""
    with _named(folder):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: cannot be written (it is a file)", "Name a folder")
        _check_parents(folder / "file")


def input_file(context: typer.Context, parameter: typer.CallbackParam, value: _Paths | None) -> _Paths | None:
    """Check files that will be read."""
    for path in [value] if isinstance(value, Path) else value or []:
        if context.resilient_parsing or str(path) == "-":
            continue
        with _named(path):
            if path.is_dir():
                raise InputError(f"{path}: is a folder", f"{_name(parameter)} takes a file")
            _check_input(path)
            _keep(context, parameter, path)
    return value


def input_folder(context: typer.Context, parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """Check a folder that will be read."""
    if value is not None and not context.resilient_parsing:
        with _named(value):
            if value.exists() and not value.is_dir():
                raise InputError(f"{value}: is a file", f"{_name(parameter)} takes a folder")
            _check_input(value)
    return value


def input_path(context: typer.Context, parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """Check a file or folder that will be read."""
    if value is not None and not context.resilient_parsing:
        with _named(value):
            _check_input(value)
            _keep(context, parameter, value)
    return value


def checkpoint_file(context: typer.Context, parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """Check a file of weights; `hardware-aware` is the network that ships under that name."""
    return value if value == Path("hardware-aware") else input_file(context, parameter, value)


def chip_name(context: typer.Context, parameter: typer.CallbackParam, value: str | None) -> str | None:
    """Check that a chip is a preset or a file that describes one."""
    if value is not None and not context.resilient_parsing and not _is_default(context, parameter):
        from pcmesh.hardware import load_chip

        load_chip(value)
    return value


def finite(parameter: typer.CallbackParam, value: float | None) -> float | None:
    """Check that a number is one."""
    if value is not None and not math.isfinite(value):
        raise InputError(f"{_name(parameter)} {value}: is no number", "Write a finite number")
    return value


def standard_output() -> TextIO:
    """Return where JSON goes that is written to `-`."""
    return _OUTPUT.get() or sys.stdout


@contextmanager
def _only_json() -> Iterator[None]:
    """Keep standard output for JSON; whatever else is printed goes to standard error."""
    before = _OUTPUT.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _OUTPUT.reset(before)


def _is_default(context: typer.Context, parameter: typer.CallbackParam) -> bool:
    source = context.get_parameter_source(parameter.name or "")
    return source is not None and source.name == "DEFAULT"


def _check_input(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder", "Look at its name")
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise InputError(f"{path}: cannot be read (Permission denied)", "Ask for permission to read it")


def _check_parents(path: Path) -> None:
    """Raise InputError where the folders in which `path` lies are not there and cannot be made, or not be written."""
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        raise InputError(f"{path}: cannot be written ({there} is a file)", "Name another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{path}: cannot be written (no permission in {there})", "Name another place")


def _write_once(context: typer.Context, parameter: typer.CallbackParam, paths: list[Path]) -> None:
    """Raise InputError where another option names one of the paths."""
    named: dict[Path, str] = context.meta.get(_WRITTEN, {}) | context.meta.get(_READ, {})
    for path in paths:
        if path.resolve() in named:
            other = named[path.resolve()]
            raise InputError(f"{path}: is named by {other} and {_name(parameter)}", "Name two different ones")
        context.meta.setdefault(_WRITTEN, {})[path.resolve()] = _name(parameter)


def _keep(context: typer.Context, parameter: typer.CallbackParam, path: Path) -> None:
    """Remember what is read; raise InputError where it will be written, too."""
    written: dict[Path, str] = context.meta.get(_WRITTEN, {})
    if path.resolve() in written:
        other = written[path.resolve()]
        raise InputError(f"{path}: is named by {other} and {_name(parameter)}", "Name two different ones")
    context.meta.setdefault(_READ, {})[path.resolve()] = _name(parameter)


def _refuse_dash(parameter: typer.CallbackParam, value: Path) -> None:
    if str(value) == "-":
        raise InputError(
            f"{_name(parameter)} -: cannot be written to standard output",
            "Name a file or folder (./- is one of that name); --json - writes JSON there",
        )


def _name(parameter: typer.CallbackParam) -> str:
    longest = max(parameter.opts, key=len)
    return longest if longest.startswith("-") else (parameter.name or "").upper()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{str(path)[:80]}: {error.strerror}", "Name another place") from error
    except ValueError as error:
        raise InputError(f"{str(path)[:80]!a}: is no name of a file ({error})", "Name another place") from error
