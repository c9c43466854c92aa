"""Killed at any step of a write, or on a full disk: the old or the new one is whole, and the next write tidies up."""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import pcmesh
from pcmesh.errors import InputError
from pcmesh.files.cache import ResultCache
from pcmesh.files.folders import read_folder, write_folder
from pcmesh.files.writing import write_json, write_text
from pcmesh.workloads.rnnt.checkpoint import write_checkpoint
from pcmesh.workloads.rnnt.on_chip.store import Store

STEPS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"})
"""Events of Python's audit hooks before a file or folder is opened, renamed, removed or made."""

Write = Callable[[Path, str], object]
Read = Callable[[Path], str | None]


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Run work in a child process that dies before its file-system step number `step`; return whether it died."""
    child = os.fork()
    if child == 0:
        left = [step]

        def die(event: str, _: tuple[object, ...]) -> None:
            if event in STEPS:
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)

        try:
            sys.addaudithook(die)
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def killed_after(seconds: float, work: Callable[[], object]) -> bool:
    """Run work in a child process that is killed after a time; return whether it was."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def put(text: str, path: Path) -> None:
    path.write_text(text)


def write_parts(folder: Path, text: str) -> None:
    names = ["a.json", "routed/b.json", "c.json"] if text == "one" else ["a.json", "c.json", "routed/d.json", "e.json"]
    write_folder(folder / "x" / "model", {name: partial(put, text) for name in names})


def read_parts(folder: Path) -> str | None:
    if not (folder / "x" / "model" / "manifest.json").exists():
        return None
    found = read_folder(folder / "x" / "model", lambda manifest: list(manifest.files))
    assert len({*found.values()}) == 1
    return next(iter(found.values())).decode()


def write_result(folder: Path, text: str) -> None:
    write_json(folder / "runs" / "result.json", {"text": text})


def read_result(folder: Path) -> str | None:
    file = folder / "runs" / "result.json"
    return file.read_text().split('"')[3] if file.exists() else None


def write_block(folder: Path, text: str) -> None:
    Store(folder / "work").save("lstm", 0, [torch.full((30,), float(len(text)))])


def read_block(folder: Path) -> str | None:
    found = Store(folder / "work").load("lstm", 0)
    return None if found is None else {3.0: "one", 5.0: "three"}[float(found[0].mean())]


def write_weights(folder: Path, text: str) -> None:
    write_checkpoint({"weight": torch.full((30,), float(len(text)))}, folder / "weights.safetensors")


def read_weights(folder: Path) -> str | None:
    file = folder / "weights.safetensors"
    return {3.0: "one", 5.0: "three"}[float(load_file(file)["weight"].mean())] if file.exists() else None


def write_entry(folder: Path, text: str) -> None:
    ResultCache(folder / "cache", 0).put("key", text)


def read_entry(folder: Path) -> str | None:
    return ResultCache(folder / "cache", 0).get("key")


ARTEFACTS: dict[str, tuple[Write, Read]] = {
    "folder": (write_parts, read_parts),
    "result": (write_result, read_result),
    "block": (write_block, read_block),
    "weights": (write_weights, read_weights),
    "cache": (write_entry, read_entry),
}


def files(folder: Path) -> set[str]:
    return {str(entry.relative_to(folder)) for entry in folder.rglob("*")}


@pytest.mark.parametrize("before", ["one", None])
@pytest.mark.parametrize(("write", "read"), ARTEFACTS.values(), ids=ARTEFACTS.keys())
def test_killed_before_any_step_the_old_or_the_new_one_is_there(
    tmp_path: Path, write: Write, read: Read, before: str | None
) -> None:
    clean = tmp_path / "clean"
    clean.mkdir()
    write(clean, "three")
    step, died, seen = 0, True, set()
    while died:
        folder = tmp_path / str(step)
        folder.mkdir()
        if before is not None:
            write(folder, before)
        died = killed_at(step, partial(write, folder, "three"))
        seen.add(read(folder))
        write(folder, "three")
        assert read(folder) == "three"
        assert files(folder) == files(clean), f"killed before step {step}"
        step += 1
    assert step > 3
    assert seen == {before, "three"}


@pytest.mark.long
@pytest.mark.parametrize(("write", "read"), ARTEFACTS.values(), ids=ARTEFACTS.keys())
def test_killed_at_random_moments_the_old_or_the_new_one_is_there(tmp_path: Path, write: Write, read: Read) -> None:
    draw, killed = random.Random(1), 0
    write(tmp_path, "one")
    start = time.monotonic()
    write(tmp_path, "one")
    took = time.monotonic() - start + 0.002
    for number in range(50):
        text = ("three", "one")[number % 2]
        killed += killed_after(draw.uniform(0, 1.5 * took), partial(write, tmp_path, text))
        assert read(tmp_path) in ("one", "three")
    write(tmp_path, "three")
    left = files(tmp_path)
    clean = tmp_path.parent / f"{tmp_path.name} clean"
    clean.mkdir()
    write(clean, "three")
    assert left == files(clean)
    assert killed


def test_killed_at_random_moments_a_chip_model_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(32, 16)
    model = pcmesh.compile(nn.Sequential(nn.Linear(16, 8)), x)
    outputs = {age: model.at(age)(x) for age in (0.0, 1e6)}
    folder, draw = tmp_path / "model", random.Random(0)
    model.save(folder)
    start = time.monotonic()
    model.save(folder)
    took = time.monotonic() - start
    killed = 0
    for number in range(20):
        killed += killed_after(draw.uniform(0, 1.2 * took), partial(model.at((0.0, 1e6)[number % 2]).save, folder))
        found = pcmesh.load(folder)
        assert torch.equal(found(x), outputs[found.age_s])
    model.save(folder)
    names = files(folder)
    assert names == {"manifest.json", *(f"{n}.json" for n in ("chip_model", "network"))} | {
        f"{n}.safetensors" for n in ("chip", "frames", "network")
    }
    assert killed


def limited(size: int, work: Callable[[], object]) -> str:
    """Run work in a child process that may write files of so many bytes; return the problem that it met."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            work()
            os.write(writing, b"nothing happened")
        except InputError as error:
            os.write(writing, str(error).encode())
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        text = stream.read().decode()
    os.waitpid(child, 0)
    return text


ZEROS = {"x": torch.zeros(9999)}
LARGE: dict[str, Write] = {
    "safetensors": lambda folder, text: write_checkpoint({"weight": torch.zeros(9999)}, folder / f"{text}.safetensors"),
    "torch": lambda folder, text: write_checkpoint({"weight": torch.zeros(9999)}, folder / f"{text}.pt"),
    "block": lambda folder, text: Store(folder / text).save("a", 0, [torch.zeros(9999)]),
    "text": lambda folder, text: write_text(folder / text / "report.html", "x" * 99_999),
    "folder": lambda folder, text: write_folder(
        folder / text,
        {"a.json": partial(put, "x"), "b.safetensors": partial(save_file, {"x": torch.zeros(9999)})},
    ),
}


@pytest.mark.parametrize("write", LARGE.values(), ids=LARGE.keys())
def test_a_full_disk_is_one_clear_error_and_nothing_is_left(tmp_path: Path, write: Write) -> None:
    before = files(tmp_path)
    problem = limited(9_000, partial(write, tmp_path, "name"))
    assert "cannot be written" in problem
    assert "name" in problem
    assert "\n" not in problem
    assert files(tmp_path) == before


def test_on_a_full_disk_the_old_chip_model_stays(tmp_path: Path) -> None:
    model = pcmesh.compile(nn.Sequential(nn.Linear(16, 8)), torch.randn(32, 16))
    folder = tmp_path / "model"
    model.save(folder)
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    problem = limited(100_000, partial(model.at(1e6).save, folder))
    assert "model: cannot be written" in problem
    assert {name: (folder / name).read_bytes() for name in files(folder)} == before
    assert "model2: cannot be written" in limited(100_000, partial(model.save, tmp_path / "model2"))
    assert files(tmp_path) == {"model", *(f"model/{name}" for name in before)}
