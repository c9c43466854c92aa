"""A user's code: modules beside it replace no installed ones; siblings are found; exceptions keep their traceback."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Program

MODEL = """
import torch, numpy, types
from torch import nn
from beside import WIDTH

def make():
    assert torch.nn is nn and numpy.zeros(1).sum() == 0 and types.ModuleType
    import statistics
    assert statistics.mean([1, 3]) == 2
    return nn.Sequential(nn.Linear(8, WIDTH))

def fails():
    return inner()

def inner():
    raise KeyError("mine")

def leaves():
    raise SystemExit(3)

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 4)

    def forward(self, x):
        return self.linear(x) + self.missing

def odd():
    return Odd()
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "own_network.py").write_text(MODEL)
    (folder / "beside.py").write_text("WIDTH = 4\n")
    for name in ("torch", "numpy", "types", "statistics", "safetensors", "scipy"):
        (folder / f"{name}.py").write_text("raise RuntimeError('the wrong module')\n")
    return folder / "own_network.py"


def test_modules_beside_it_replace_none_and_are_found(code: Path, tmp_path: Path) -> None:
    (code.parent / "types.py").unlink()  # Python itself imports that one from the folder in which `python -m` is called
    command = [sys.executable, "-m", "pcmesh", "compile", f"{code.name}:make", "--example", "torch.randn(4, 8)"]
    made = subprocess.run([*command, "-o", tmp_path / "out"], capture_output=True, text=True, cwd=code.parent)
    assert (made.returncode, made.stderr) == (0, "")
    assert "Written" in made.stdout


def test_a_file_that_is_named_like_a_module_does_not_replace_it(program: Program, code: Path) -> None:
    before = importlib.import_module("torch")
    outcome = program("compile", f"{code.parent / 'torch.py'}:make", "--example", "1", "-o", code.parent / "out")
    assert outcome.code == 2
    assert "the wrong module" in outcome.err
    assert sys.modules["torch"] is before


@pytest.mark.parametrize(
    ("function", "words", "frames"),
    [
        ("fails", "fails (KeyError: 'mine')", ["in fails", "in inner", "KeyError: 'mine'"]),
        ("leaves", "fails (SystemExit: 3)", ["in leaves", "raise SystemExit(3)"]),
        ("odd", "does not run with the example inputs", ["in forward", "self.missing", "AttributeError"]),
    ],
)
def test_its_exceptions_keep_their_traceback(
    program: Program, code: Path, function: str, words: str, frames: list[str]
) -> None:
    outcome = program("compile", f"{code}:{function}", "--example", "torch.randn(4, 8)", "-o", code.parent / "out")
    assert outcome.code == 2
    *traceback, last = outcome.err.splitlines()
    assert last.startswith("error: ")
    assert words in last
    assert traceback[0] == "Traceback in your code (most recent call last):"
    assert all(frame in "\n".join(traceback) for frame in frames)
    assert "/pcmesh/" not in "\n".join(traceback)
    assert not (code.parent / "out").exists()


def test_a_file_that_is_no_python(program: Program, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def make(:\n")
    outcome = program("compile", f"{tmp_path / 'broken.py'}:make", "--example", "1", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "def make(:" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("error: ")
