"""compile FILE.py:FUNCTION, summary and evaluate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Program

CODE = """
import torch
from torch import nn

def make_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4))

def batches():
    torch.manual_seed(1)
    model = make_model()
    for _ in range(3):
        x = torch.randn(100, 20)
        yield x, model(x).argmax(1)

def inputs():
    for x, _ in batches():
        yield x

def nothing():
    return 3
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "own_model.py"
    path.write_text(CODE)
    return path


def test_compile_summary_and_evaluate(program: Program, code: Path, tmp_path: Path) -> None:
    folder, options = tmp_path / "chip", ("--example", "torch.randn(300, 20)", "--calibration", f"{code}:inputs")
    asked = ("--layer", "0=AB,copies=2", "--json", tmp_path / "c.json")
    made = program("compile", f"{code}:make_model", "-o", folder, *options, *asked)
    assert made.code == 0, made.err
    assert "2 on 1 chip" in made.out
    figures = json.loads((tmp_path / "c.json").read_text())
    assert (figures["tiles"], figures["analog_weights"]) == (2, 384)
    shown = program("summary", folder)
    assert shown.code == 0
    assert "linear" in shown.out
    assert "AB,copies=2" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100
    outcome = program(
        "evaluate", folder, f"{code}:batches", "--time", "1w", "--chips", 2, "--json", tmp_path / "e.json"
    )
    assert outcome.code == 0, outcome.err
    result = json.loads((tmp_path / "e.json").read_text())
    assert [chip["samples"] for chip in result["chips"]] == [300, 300]
    assert result["chips"][0]["software_accuracy"] == 1.0
    assert result["chips"][0]["chip_accuracy"] == result["chips"][0]["same_choice"] > 0.7


def test_a_network_that_runs_its_own_code(program: Program, tmp_path: Path) -> None:
    code, folder = tmp_path / "branching_model.py", tmp_path / "chip"
    code.write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Net(nn.Linear):\n"
        "    def forward(self, x):\n"
        "        return super().forward(-x if x.sum() > 1e9 else x)\n"
        "def make_model():\n"
        "    return Net(20, 4)\n"
        "def batches():\n"
        "    yield torch.randn(50, 20)\n"
    )
    made = program("compile", f"{code}:make_model", "-o", folder, "--example", "torch.randn(300, 20)")
    assert made.code == 0, made.err
    assert "--code" in program("summary", folder).err
    assert program("summary", folder, "--code", f"{code}:make_model").code == 0
    outcome = program("evaluate", folder, f"{code}:batches", "--code", f"{code}:make_model")
    assert outcome.code == 0, outcome.err
    assert "50" in outcome.out


def test_compile_with_routes_and_execute_the_microcode(program: Program, code: Path, tmp_path: Path) -> None:
    folder = tmp_path / "chip"
    made = program("compile", f"{code}:make_model", "-o", folder, "--example", "torch.randn(300, 20)", "--route")
    assert made.code == 0, made.err
    assert "controller words" in made.out
    assert "<svg" in (folder / "routed" / "report.html").read_text()
    checked = program("verify", folder / "routed", "--frames", 2, "--json", tmp_path / "v.json")
    assert checked.code == 0, checked.err
    result = json.loads((tmp_path / "v.json").read_text())
    assert (result["codes_compared"], result["codes_differing"]) == (40, 0)
    assert program("inspect", folder / "routed", "--weight", "0", 3, 5).code == 0


@pytest.mark.parametrize(
    ("network", "example", "words"),
    [
        ("{code}:other", "torch.randn(3, 20)", "has no function 'other'"),
        ("{code}:nothing", "torch.randn(3, 20)", "gives a int"),
        ("{code}:make_model", "torch.rand(", "--example"),
        ("{code}:make_model", "torch.randn(3, 21)", "module 0 does not run"),
        ("none.py:make_model", "torch.randn(3, 20)", "no such file"),
        ("{code}", "torch.randn(3, 20)", "names no function"),
    ],
)
def test_what_cannot_be_compiled(
    network: str, example: str, words: str, program: Program, code: Path, tmp_path: Path
) -> None:
    outcome = program("compile", network.format(code=code), "-o", tmp_path / "out", "--example", example)
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_no_example(program: Program, code: Path, tmp_path: Path) -> None:
    assert "needs an example" in program("compile", f"{code}:make_model", "-o", tmp_path / "out").err


def test_choose_a_mapping(program: Program, code: Path, tmp_path: Path) -> None:
    options = ("--example", "torch.randn(300, 20)", "--chips", 1, "--calibration", f"{code}:inputs")
    asked = ("--tiles", 2, "--pin", "2=2-PCM", "--loss", "decisions", "-o", tmp_path / "best")
    outcome = program("choose", f"{code}:make_model", *options, *asked, "--json", tmp_path / "choice.json")
    assert outcome.code == 0, outcome.err
    result = json.loads((tmp_path / "choice.json").read_text())
    first, second = result["layers"]
    assert (second["way"], second["why"]) == ("2-PCM", "pinned")
    assert first["loss"] == min(c["loss"] for c in result["candidates"] if c["layer"] == "0" and c["tiles"] < 2)
    assert result["measured_loss"]["mean"] > 0
    shown = program("summary", tmp_path / "best")
    assert first["way"] in shown.out
    assert max(map(len, outcome.out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--tiles", 1), "the smallest takes 2 tiles"),
        (("--pin", "9=AB"), "no layer '9'"),
        (("--pin", "0=AB,copies=99"), "was not measured"),
        (("--pin", "0"), "pins no layer"),
    ],
)
def test_what_cannot_be_chosen(asked: tuple[object, ...], words: str, program: Program, code: Path) -> None:
    outcome = program("choose", f"{code}:make_model", "--example", "torch.randn(300, 20)", "--chips", 1, *asked)
    assert outcome.code == 2
    assert words in outcome.err


def test_a_front_of_mappings(program: Program, code: Path, tmp_path: Path) -> None:
    asked = ("--data", f"{code}:batches", "--samples", 60, "--chips", 1, "--json", tmp_path / "front.json")
    outcome = program("front", f"{code}:make_model", *asked)
    assert outcome.code == 0, outcome.err
    points = json.loads((tmp_path / "front.json").read_text())["points"]
    assert any(point["front"] for point in points)
    assert any("as compiled" in point["marks"] for point in points)


def test_a_name_that_is_none_says_which_there_are(program: Program) -> None:
    for command in ("summary", "evaluate", "sensitivity", "choose", "front"):
        outcome = program(command, "kwss")
        assert outcome.code == 2
        assert "Is kws meant?" in outcome.err
        assert "FILE.py:FUNCTION, a folder" in outcome.err
