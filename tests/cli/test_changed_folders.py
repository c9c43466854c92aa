"""Folders that were changed by hand: each still gives the same figures, or one line and exit status 2.

What is changed with its checksums computed again is another folder, not a damaged one; it is refused where it cannot be
what pcmesh wrote (NaN, negative or exchanged conductances, other shapes), and never ends in a traceback.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

import pcmesh
from pcmesh.hardware import change_chip, load_chip
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.pipeline import compile_network
from tests.cli.conftest import Outcome, Program

ODD: tuple[Any, ...] = (None, True, -1, 0, 2**70, 1e308, -0.5, "", "\0", "../../x", [], [[]], {}, {"a": 1})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("changed") / "original"
    chip = change_chip(load_chip("nature2023"), ["tile.rows=64", "tile.columns=64"])
    network = nn.Sequential(nn.Linear(40, 24), nn.ReLU(), nn.Linear(24, 30), nn.Tanh(), nn.Linear(30, 12))
    pcmesh.compile(network, torch.randn(40, 40), chip=chip).save(path)
    save_file({"inputs": torch.randn(4, 40)}, path.parent / "data.safetensors")
    return path


@pytest.fixture(scope="module")
def figures() -> dict[str, Outcome]:
    return {}


def seal(folder: Path) -> None:
    """Compute the checksums of a folder again."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, entry in manifest["files"].items():
        if (folder / name).is_file():
            content = (folder / name).read_bytes()
            entry |= {"bytes": len(content), "blake2b": hashlib.blake2b(content, digest_size=32).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def some_file(folder: Path, draw: random.Random, suffix: str = "") -> Path:
    return draw.choice(sorted(f for f in folder.rglob("*") if f.is_file() and f.name.endswith(suffix)))


def flip(folder: Path, draw: random.Random) -> None:
    file = some_file(folder, draw)
    content = bytearray(file.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    file.write_bytes(content)


def cut(folder: Path, draw: random.Random) -> None:
    file = some_file(folder, draw)
    file.write_bytes(file.read_bytes()[: draw.randrange(file.stat().st_size)])


def remove(folder: Path, draw: random.Random) -> None:
    some_file(folder, draw).unlink()


def exchange_files(folder: Path, draw: random.Random) -> None:
    first, second = some_file(folder, draw), some_file(folder, draw)
    texts = first.read_bytes(), second.read_bytes()
    first.write_bytes(texts[1])
    second.write_bytes(texts[0])


def add(folder: Path, draw: random.Random) -> None:
    (folder / draw.choice(["notes.txt", "g.safetensors", "x.py", "network.pt2"])).write_bytes(draw.randbytes(50))


def odd_value(folder: Path, draw: random.Random) -> None:
    """Change one value somewhere in a JSON file."""
    file = some_file(folder, draw, ".json")
    content = json.loads(file.read_text())
    place: Any = content
    while True:
        key = draw.choice(list(place)) if isinstance(place, dict) else draw.randrange(len(place))
        if not isinstance(place[key], dict | list) or not place[key] or draw.random() < 0.1:
            break
        place = place[key]
    if draw.random() < 0.2:
        del place[key]
    else:
        place[key] = draw.choice(ODD)
    file.write_text(json.dumps(content))


def odd_tensor(folder: Path, draw: random.Random) -> None:
    """Make a tensor of conductances, read-outs or factors impossible."""
    file = folder / "chip.safetensors"
    tensors = load_file(file)
    name = draw.choice(sorted(tensors))
    x, kind = tensors[name], draw.randrange(6)
    if kind == 0:
        tensors[name] = -x if name.split("/")[0] != "offset" else x * float("nan")
    elif kind == 1:
        tensors[name] = x * float("nan") if x.is_floating_point() else x.float()
    elif kind == 2:
        tensors[name] = x[:-1]
    elif kind == 3:
        tensors[name] = x[None]
    elif kind == 4:
        tensors.pop(name)
    else:
        tensors["g/0"], tensors["g/1"] = tensors["g/1"], tensors["g/0"]
    save_file({key: value.contiguous() for key, value in tensors.items()}, file)


def odd_version(folder: Path, draw: random.Random) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= draw.choice([{"format": draw.choice([0, 1, 2, 99])}, {"kind": "x"}])
    (folder / "manifest.json").write_text(json.dumps(manifest))


def changed(folder: Path, seed: int, changes: list[Callable[[Path, random.Random], None]]) -> Path:
    copy = folder.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    draw = random.Random(seed)
    for change in changes:
        change(copy, draw)
    return copy


def one_line(outcome: Outcome) -> bool:
    return outcome.code == 2 and outcome.err.startswith("error: ") and outcome.err.count("\n") == 1


def fuzz(count: int) -> Callable[[Any], Any]:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return lambda test: settings(
        max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=checks
    )(given(seed=st.integers(0, 2**32))(test))


def outcomes(program: Program, folder: Path) -> list[Outcome]:
    """Run what prints figures; a folder that is refused is refused by every command, so that one is enough then."""
    first = program("evaluate", folder, folder.parent / "data.safetensors")
    return [first, program("summary", folder)] if first.code == 0 else [first]


@pytest.mark.parametrize("change", [flip, cut, remove, exchange_files, add, odd_value, odd_version])
def test_a_changed_folder_gives_the_same_figures_or_one_line(
    program: Program, folder: Path, figures: dict[str, list[Outcome]], change: Callable[[Path, random.Random], None]
) -> None:
    copy = changed(folder, 0, [])
    if not figures:
        figures["whole"] = outcomes(program, copy)
    assert [outcome.code for outcome in figures["whole"]] == [0, 0]

    @fuzz(20)
    def same_or_refused(seed: int) -> None:
        found = outcomes(program, changed(folder, seed, [change]))
        assert found == figures["whole"] or all(map(one_line, found)), found

    same_or_refused()


def test_impossible_tensors_are_refused_with_their_checksums_computed_again(program: Program, folder: Path) -> None:
    @fuzz(80)
    def refused(seed: int) -> None:
        copy = changed(folder, seed, [odd_tensor])
        seal(copy)
        outcome = program("summary", copy)
        assert one_line(outcome), outcome

    refused()


@pytest.mark.parametrize(("change", "count"), [(odd_value, 60), (flip, 10), (cut, 10)])
def test_no_traceback_with_checksums_computed_again(
    program: Program, folder: Path, change: Callable[[Path, random.Random], None], count: int
) -> None:
    @fuzz(count)
    def no_traceback(seed: int) -> None:
        copy = changed(folder, seed, [change])
        try:
            seal(copy)
        except (ValueError, KeyError, AttributeError, TypeError):
            return
        outcome = program("summary", copy)
        assert outcome.code == 0 or one_line(outcome), outcome

    no_traceback()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    vectors = (Vector(name="x", size=70), Vector(name="y", size=10))
    layers = (AnalogLayer(name="only", input="x", output="y"),)
    graph = LayerGraph("tiny", vectors, layers, (), {"only": torch.randn(70, 10)})
    path = tmp_path_factory.mktemp("compiled") / "original"
    compile_network(graph, load_chip("nature2023")).save(path)
    return path


@pytest.mark.parametrize("sealed", [False, True])
def test_changed_compiled_networks(program: Program, compiled: Path, sealed: bool) -> None:
    whole = program("inspect", changed(compiled, 0, []))
    assert whole.code == 0

    @fuzz(30)
    def same_or_refused(seed: int) -> None:
        copy = changed(compiled, seed, [odd_value if sealed or seed % 2 else flip])
        if sealed:
            try:
                seal(copy)
            except (ValueError, KeyError, AttributeError, TypeError):
                return
        outcome = program("inspect", copy)
        assert one_line(outcome) or (outcome.code == 0 if sealed else outcome == whole), outcome

    same_or_refused()


def test_every_command_says_what_a_folder_is(program: Program, folder: Path, compiled: Path) -> None:
    data = folder.parent / "data.safetensors"
    for command in (("inspect", folder), ("disasm", folder, "--tile", "1.1"), ("verify", folder)):
        outcome = program(*command)
        assert one_line(outcome)
        assert "holds no routes; `pcmesh summary`" in outcome.err
    for command in (("evaluate", compiled, data), ("sensitivity", compiled, "--data", data)):
        outcome = program(*command)
        assert one_line(outcome)
        assert "no chip is programmed with it" in outcome.err
    assert "tiles on" in program("summary", compiled).out
    assert program("perf", folder).code == program("perf", compiled, "--utterances", 10).code == 0
