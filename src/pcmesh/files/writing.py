"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from pcmesh.errors import InputError

_DISK = re.compile(
    r"PytorchStreamWriter|file write failed|unexpected pos|iostream|os error|No space left|File too large|I/O error"
)
"""How PyTorch and safetensors say that the operating system refused to write, in errors that are no OSError."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`, on error it goes.

    It lies in a folder of its own, since some writers put temporary files of theirs beside it. What killed processes
    left for the same path goes, too.

    Raises:
        InputError: the folder or the file cannot be written (no permission, disk full, ...); named.
    """
    with named_failures(path, "Name another place"), new_parents(path):
        if path.is_dir():
            raise InputError(f"{path}: cannot be written (it is a folder)", "Name a file")
        if path.exists() and not path.is_file():
            with _device(path) as temporary:
                yield temporary
            return
        _remove_left_behind(path)
        own = path.with_name(f".{path.name[:100]}.{os.getpid()}.{secrets.token_hex(4)}.part")
        temporary = own / path.name
        try:
            own.mkdir()
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL, 0o666))
            yield temporary
            to_disk(temporary)
            temporary.replace(path)
            to_disk(path.parent)
        finally:
            shutil.rmtree(own, ignore_errors=True)


@contextmanager
def _device(path: Path) -> Iterator[Path]:
    """Yield a temporary path; on success its content goes to a pipe, a terminal or another thing that is no file."""
    with tempfile.TemporaryDirectory(prefix="pcmesh-") as folder:
        yield Path(folder) / "content"
        with path.open("wb") as stream:
            stream.write((Path(folder) / "content").read_bytes())


@contextmanager
def named_failures(path: Path, remedy: str) -> Iterator[None]:
    """Turn what the operating system refuses while `path` is written into an InputError that names it."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})", remedy) from error
    except (SafetensorError, RuntimeError) as error:
        if not is_disk_failure(error):
            raise
        raise InputError(f"{path}: cannot be written ({disk_failure(error)})", remedy) from error


def is_disk_failure(error: Exception) -> bool:
    """Return whether an error of PyTorch or safetensors means that a file could not be written."""
    return bool(_DISK.search(str(error)))


def disk_failure(error: Exception) -> str:
    """Return in words what the operating system refused in such an error."""
    number = re.search(r"os error (\d+)", str(error))
    if number is not None:
        return os.strerror(int(number[1]))
    return "the disk is full, or the file too large"


@contextmanager
def new_parents(path: Path) -> Iterator[None]:
    """Make the folders in which `path` lies; on error those that were made go, where they are empty."""
    missing = [parent for parent in path.parents if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        raise


def to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's list of files, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems cannot do that with a folder; a full disk shows here, too.
        if not path.is_dir():
            raise OSError(error.errno, error.strerror) from error
    finally:
        os.close(handle)


def _remove_left_behind(path: Path) -> None:
    for entry in path.parent.glob(f".{_literal(path.name[:100])}.*.part"):
        process = re.fullmatch(r"(\d+)\..*", entry.name.removeprefix(f".{path.name[:100]}."))
        if process is not None and not _alive(int(process[1])):
            shutil.rmtree(entry, ignore_errors=True)


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write an indented JSON file, whole or not at all; figures that are not finite become null."""
    write_text(path, json_text(value))


def json_text(value: Mapping[str, Any]) -> str:
    """Return indented JSON; figures that are not finite become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value
