"""Folders that pcmesh writes: replaced whole, read whole, every file with its checksum.

`manifest.json` lists the files with their checksums. Who replaces a folder writes the new files beside the old ones
(`.NAME.CHECKSUM.new`), then the new manifest in one step, and only then gives the files their names. At every moment
each file that the manifest lists is there under one of its two names, so that readers see the old folder or the new
one, and a process that is killed leaves one of them; who writes next tidies up. Files of others are not touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from pcmesh.errors import InputError
from pcmesh.files.artefact import Artefact
from pcmesh.files.reading import validation_problem
from pcmesh.files.writing import named_failures, new_parents, to_disk, whole_file

try:
    import fcntl
except ImportError:  # a system without it: writers of one folder do not wait for each other
    fcntl = None  # type: ignore[assignment]

MANIFEST = "manifest.json"
FORMAT = 3
ROUTED = "routed"
"""Part of a folder: the layers with routes and programs."""

Write = Callable[[Path], object]
"""Writes one file under the path given."""

_MADE_BY = "Make one with `pcmesh compile NETWORK -o DIR`"
_FORMER = ("chip_model.json", "network.json")
_LARGEST_MANIFEST = 1 << 20
_OURS = re.compile(r"\..+\.(part|[0-9a-f]{64}\.new)")
_PATIENCE_S, _TRIES = 20.0, 3

_Name = Annotated[str, StringConstraints(pattern=rf"^({ROUTED}/)?[A-Za-z0-9_]+\.[a-z]+$", max_length=100)]
_Checksum = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Entry(Artefact):
    """One file of a folder: its size and its BLAKE2b-256 checksum."""

    bytes: int = Field(ge=0)
    blake2b: _Checksum


class Manifest(Artefact):
    """What a folder holds.

    Attributes:
        format: version of the format.
        files: name -> size and checksum.
        former: files of the folder that it replaced and that it has no more; they go when nobody reads them.
    """

    format: int
    files: dict[_Name, Entry]
    former: dict[_Name, Entry] = Field(default_factory=dict)


def lists(folder: Path, name: str) -> bool:
    """Return whether a folder that pcmesh wrote has a file of that name.

    Raises:
        InputError: it is none that pcmesh wrote, damaged, or of another format.
    """
    return name in _manifest(folder)[0].files


def read_folder(folder: Path, wanted: Callable[[Manifest], Collection[str]]) -> dict[str, bytes]:
    """Return the contents of files of a folder, all of the same writing.

    Args:
        folder: where it is.
        wanted: the names that are needed, by the manifest.

    Raises:
        InputError: it is no such folder, of another format, or a file is missing or does not fit its checksum; named.
    """
    until, unchanged = time.monotonic() + _PATIENCE_S, 0
    while True:
        manifest, text = _manifest(folder)
        names = wanted(manifest)
        missing = sorted(set(names) - manifest.files.keys())
        if missing:
            raise InputError(f"{folder / MANIFEST}: lists no {missing[0]}", "Compile it again")
        found: dict[str, bytes] = {}
        for name in names:
            content = _content(folder, name, manifest.files[name])
            if content is None:
                break
            found[name] = content
        else:
            return found
        unchanged = unchanged + 1 if _same(folder / MANIFEST, text) else 0
        if unchanged == _TRIES or time.monotonic() > until:
            raise InputError(_complaint(folder, name, manifest.files[name]), "Copy the folder again, or compile again")


def write_folder(folder: Path, files: Mapping[str, Write], force: bool = False) -> None:
    """Write a folder, whole or not at all; one that pcmesh wrote before is replaced, files of others stay.

    Args:
        folder: where.
        files: name -> what writes it.
        force: also into a folder of something else, and over files of others that have the same names.

    Raises:
        InputError: the place is taken by something else, or cannot be written.
    """
    with named_failures(folder, "Name another folder"), new_parents(folder / MANIFEST), _locked(folder):
        old = _finished(folder)
        if not force:
            _check_place(folder, old, files)
        entries: dict[str, Entry] = {}
        try:
            for name, write in files.items():
                entries[name] = _written(folder, name, write)
            former = {} if old is None else {name: e for name, e in old.files.items() if name not in entries}
            _commit(folder, Manifest(format=FORMAT, files=entries, former=former))
        except BaseException:
            # The old manifest or the new one holds now; what it does not list goes, what it lists gets its name.
            with suppress(Exception):
                _finished(folder)
            raise
        _finished(folder)


def check_place(folder: Path, force: bool = False) -> None:
    """Refuse what `write_folder` would refuse, before the work whose result it writes.

    Raises:
        InputError: the place is taken by something else.
    """
    if folder.is_dir() and not force:
        old = None
        if (folder / MANIFEST).exists():
            with suppress(InputError):
                old = _manifest(folder)[0]
        _check_place(folder, old, {})
    elif folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file", "Name a folder")


def _written(folder: Path, name: str, write: Write) -> Entry:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    own = path.with_name(f".{path.name}.part")  # a folder: some writers put temporary files of theirs beside
    own.mkdir(exist_ok=True)
    partial = own / path.name
    write(partial)
    to_disk(partial)
    with partial.open("rb") as stream:
        checksum = hashlib.file_digest(stream, _digest).hexdigest()
    entry = Entry(bytes=partial.stat().st_size, blake2b=checksum)
    partial.replace(_pending(folder, name, entry))
    shutil.rmtree(own, ignore_errors=True)
    to_disk(path.parent)
    return entry


def _commit(folder: Path, manifest: Manifest) -> None:
    with whole_file(folder / MANIFEST) as temporary:
        temporary.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _finished(folder: Path) -> Manifest | None:
    """Give the files of the present manifest their names and remove what killed writers left; return the manifest."""
    manifest = None
    if (folder / MANIFEST).exists():
        with suppress(InputError):
            manifest = _manifest(folder)[0]
    files = {} if manifest is None else manifest.files
    for name, entry in files.items():
        pending = _pending(folder, name, entry)
        if pending.is_file():
            pending.replace(folder / name)
    for name, entry in ({} if manifest is None else manifest.former).items():
        if _content(folder, name, entry) is not None:
            (folder / name).unlink(missing_ok=True)
    for path in _left_behind(folder):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    _remove_if_empty(folder / ROUTED)
    return manifest


def _left_behind(folder: Path) -> Iterator[Path]:
    for part in (folder, folder / ROUTED):
        if part.is_dir():
            yield from (entry for entry in part.iterdir() if _OURS.fullmatch(entry.name))


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _is_empty(folder: Path) -> bool:
    """Return whether nothing is in a folder but what a killed writer left."""
    left = {*_left_behind(folder)}
    return all(entry in left or entry == folder / ROUTED for entry in folder.iterdir()) and all(
        entry in left for entry in ((folder / ROUTED).iterdir() if (folder / ROUTED).is_dir() else ())
    )


def _check_place(folder: Path, old: Manifest | None, files: Mapping[str, Write]) -> None:
    """Refuse a folder of something else, and files of others under our names."""
    if old is None and not _is_empty(folder):
        raise InputError(
            f"{folder}: exists and is no folder of pcmesh compile", "Name another folder, or add --force (force=True)"
        )
    ours = set() if old is None else old.files.keys()
    taken = sorted(name for name in files if name not in ours and (folder / name).exists())
    if taken:
        raise InputError(
            f"{folder / taken[0]}: is not of pcmesh and would be replaced", "Move it away, or add --force (force=True)"
        )


def _manifest(folder: Path) -> tuple[Manifest, bytes]:
    """Return a folder's manifest, and its text."""
    if (folder / MANIFEST).exists() and not (folder / MANIFEST).is_file():
        raise InputError(f"{folder / MANIFEST}: is no file", "Compile it again")
    try:
        with (folder / MANIFEST).open("rb") as stream:
            text = stream.read(_LARGEST_MANIFEST + 1)
    except OSError as error:
        raise _no_folder(folder, error) from error
    try:
        found = Manifest.model_validate_json(text[: _LARGEST_MANIFEST + 1])
    except ValidationError as error:
        _check_format(folder, text)
        wrong = validation_problem(error, "its text")
        problem = f"{folder / MANIFEST}: damaged, or of another version of pcmesh ({wrong})"
        raise InputError(problem, "Compile it again") from error
    _check_format(folder, text)
    return found, text


def _check_format(folder: Path, text: bytes) -> None:
    """Refuse a manifest that says another format than this version reads."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return
    number = said.get("format") if isinstance(said, dict) else None
    if isinstance(number, int) and number != FORMAT:
        raise InputError(f"{folder}: format {number}, this version reads {FORMAT}", "Compile it again")


def _no_folder(folder: Path, error: OSError) -> InputError:
    if not folder.is_dir():
        return InputError(f"{folder}: no folder of pcmesh compile (there is no such folder)", _MADE_BY)
    if any((folder / name).is_file() for name in _FORMER) and isinstance(error, FileNotFoundError):
        problem = f"{folder}: no {MANIFEST}: a network of an older version of pcmesh, or not all of it"
        return InputError(problem, "Compile it again")
    if not isinstance(error, FileNotFoundError):
        return InputError(f"{folder / MANIFEST}: cannot be read ({error.strerror})", "Compile it again")
    return InputError(f"{folder}: no folder of pcmesh compile", _MADE_BY)


def _content(folder: Path, name: str, entry: Entry) -> bytes | None:
    """Return a file's content, under whichever of its names; None: none of them fits."""
    path = folder / name
    # The writer renames it while we look: once more under its own name.
    for place in (path, _pending(folder, name, entry), path):
        with suppress(OSError):
            if not place.is_file() or place.stat().st_size != entry.bytes:
                continue
            content = place.read_bytes()
            if hashlib.blake2b(content, digest_size=32).hexdigest() == entry.blake2b:
                return content
    return None


def _complaint(folder: Path, name: str, entry: Entry) -> str:
    path = folder / name
    try:
        size = path.stat().st_size
        if path.is_file() and size == entry.bytes:
            path.open("rb").close()
            return f"{path}: was changed (its checksum is not that of {MANIFEST})"
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})"
    return f"{path}: was changed ({size:,} bytes, {MANIFEST} says {entry.bytes:,})"


def _same(path: Path, text: bytes) -> bool:
    try:
        return path.read_bytes() == text
    except OSError:
        return False


def _pending(folder: Path, name: str, entry: Entry) -> Path:
    path = folder / name
    return path.with_name(f".{path.name}.{entry.blake2b}.new")


def _digest() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=32)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder for writing, made where it is missing; others wait."""
    while True:
        folder.mkdir(exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_still(folder, handle):
                yield
                return
        finally:
            os.close(handle)


def _is_still(folder: Path, handle: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(handle))
    except OSError:
        return False
