"""Folders are replaced whole and read whole; what does not fit its checksum is one clear error."""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from pathlib import Path

import pytest

from pcmesh.errors import InputError
from pcmesh.files.folders import check_place, lists, read_folder, write_folder

NAMES = ("a.json", "b.safetensors")


def write(folder: Path, text: str, *more: str, force: bool = False) -> None:
    files = {name: partial(put, text) for name in (*NAMES, *more)}
    write_folder(folder, files, force)


def put(text: str, path: Path) -> None:
    path.write_text(text)


def read(folder: Path) -> set[str]:
    return {content.decode() for content in read_folder(folder, lambda _: NAMES).values()}


def names(folder: Path) -> set[str]:
    return {str(entry.relative_to(folder)) for entry in folder.rglob("*") if entry.is_file()}


def test_a_folder_is_replaced_and_what_is_of_others_stays(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    write(folder, "one", "routed/c.json")
    (folder / "notes.txt").write_text("mine")
    assert read(folder) == {"one"}
    write(folder, "two")
    assert read(folder) == {"two"}
    assert names(folder) == {"manifest.json", *NAMES, "notes.txt"}
    assert not (folder / "routed").exists()
    assert lists(folder, "a.json")
    assert not lists(folder, "c.json")


def test_a_place_of_something_else_is_refused_without_force(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="exists and is no folder of pcmesh"):
        check_place(tmp_path)
    with pytest.raises(InputError, match="--force"):
        write(tmp_path, "one")
    assert names(tmp_path) == {"notes.txt"}
    write(tmp_path, "one", force=True)
    assert names(tmp_path) == {"manifest.json", *NAMES, "notes.txt"}
    (tmp_path / "c.json").write_text("mine")
    with pytest.raises(InputError, match=r"c\.json: is not of pcmesh"):
        write(tmp_path, "two", "c.json")
    assert (tmp_path / "c.json").read_text() == "mine"
    write(tmp_path, "two", "c.json", force=True)
    assert (tmp_path / "c.json").read_text() == "two"


@pytest.mark.parametrize("failing", ["a.json", "b.safetensors"])
@pytest.mark.parametrize("before", [False, True])
def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path: Path, failing: str, before: bool) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    folder = tmp_path / "x" / "folder"
    if before:
        write(folder, "one")
    files = {name: partial(put, "two") for name in NAMES} | {failing: fail}
    with pytest.raises(InputError, match=r"folder: cannot be written \(No space left on device\)"):
        write_folder(folder, files)
    if before:
        assert read(folder) == {"one"}
        assert names(folder) == {"manifest.json", *NAMES}
    else:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_its_checksum_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, "one")
    (tmp_path / name).write_text("two")
    with pytest.raises(InputError, match=rf"{name}: was changed \(its checksum"):
        read(tmp_path)
    (tmp_path / name).write_text("longer")
    with pytest.raises(InputError, match=rf"{name}: was changed \(6 bytes"):
        read(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: cannot be read \(No such file"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"format": 99}, "format 99, this version reads 3"),
        ({"format": 2, "kind": "chip model"}, "format 2, this version reads 3"),
        ({"more": 1}, "damaged, or of another version"),
        ({"files": {}}, "lists no a.json"),
        ({"files": {"../../etc/passwd": {"bytes": 1, "blake2b": "0" * 64}}}, "damaged"),
        ({"files": {"/etc/passwd": {"bytes": 1, "blake2b": "0" * 64}}}, "damaged"),
    ],
)
def test_a_manifest_that_says_something_else(tmp_path: Path, changed: dict[str, object], words: str) -> None:
    write(tmp_path, "one")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | changed))
    with pytest.raises(InputError, match=words):
        read(tmp_path)


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder of pcmesh"):
        read(tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        read(tmp_path / "none")
    (tmp_path / "network.json").write_text("{}")
    with pytest.raises(InputError, match="a network of an older version"):
        read(tmp_path)
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(InputError, match="is no file"):
        read(tmp_path)
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path)


def test_readers_see_one_writing_while_two_writers_replace_it(tmp_path: Path) -> None:
    folder, stop, seen = tmp_path / "folder", threading.Event(), set[frozenset[str]]()
    write(folder, "0")
    problems: list[Exception] = []

    def reader() -> None:
        while not stop.is_set():
            try:
                seen.add(frozenset(read(folder)))
            except Exception as error:
                problems.append(error)

    def writer(first: int) -> None:
        try:
            for number in range(first, 40, 2):
                write(folder, str(number), *(["routed/c.json"] if number % 3 else []))
        except Exception as error:
            problems.append(error)

    reading = threading.Thread(target=reader)
    writing = [threading.Thread(target=writer, args=(first,)) for first in (0, 1)]
    reading.start()
    for thread in writing:
        thread.start()
    for thread in writing:
        thread.join()
    stop.set()
    reading.join()
    assert not problems
    assert all(len(texts) == 1 for texts in seen)
    assert names(folder) - {"routed/c.json"} == {"manifest.json", *NAMES}
