"""A workload of another package holds the contract of workloads; what is none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcmesh.analysis.workload import WORKLOADS, workload_of
from tests.cli.conftest import Program, program  # noqa: F401  (a fixture)
from tests.extensions.plugins import install, install_example
from tests.workloads.workload_contract import WorkloadContract

SOURCE = """
import torch
from pcmesh import Task, Workload
def fails(): raise RuntimeError("no network here")
WORKLOAD = Workload(network={network}, task=lambda asked: Task(batches=[torch.randn(4, 3)]), recipe={recipe})
"""


class TestClusters(WorkloadContract):
    """The workload of examples/plugin, which no file of pcmesh names."""

    @pytest.fixture
    def name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        install_example(tmp_path / "site", monkeypatch)
        return "clusters"

    def test_its_recipe_counts_unless_the_user_says_otherwise(
        self,
        name: str,
        tmp_path: Path,
        program: Program,  # noqa: F811
    ) -> None:
        assert "4-PCM" in program("compile", name, "-o", tmp_path / "recipe").out
        asked = program("compile", name, "-o", tmp_path / "asked", "--layer", "0=2-PCM")
        assert "2-PCM" in asked.out
        assert "4-PCM" not in asked.out

    def test_its_sensitivity_starts_from_its_name(self, name: str, tmp_path: Path, program: Program) -> None:  # noqa: F811
        asked = ("--chips", 1, "--bits", "4:5:1", "--out", tmp_path / "bits")
        assert program("sensitivity", name, *asked).code == 0


class TestKeywords(WorkloadContract):
    most_lost = 0.15

    @pytest.fixture
    def name(self) -> str:
        return "kws"


class TestRnnt(WorkloadContract):
    most_lost, least, samples = 0.2, 0.7, 4

    @pytest.fixture
    def name(self) -> str:
        return "rnnt"


@pytest.mark.parametrize(
    ("name", "network", "recipe", "parts"),
    [
        ("failing", "fails", "{}", ["failing", "RuntimeError: no network here"]),
        ("numeric", "lambda: 3", "{}", ["numeric", "gives a int", "nn.Module"]),
        ("odd", "lambda: torch.nn.Linear(3, 2)", "{'encodin': 'AB'}", ["'odd'", "encodin", "encoding"]),
        ("empty", "lambda: torch.nn.Linear(3, 2)", "{'seed': -1}", ["seed", "-1"]),
    ],
)
def test_what_is_wrong_with_a_workload_is_named(
    name: str,
    network: str,
    recipe: str,
    parts: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: Program,  # noqa: F811
) -> None:
    module = f"workload_{name}"
    source = SOURCE.format(network=network, recipe=recipe)
    install(
        tmp_path / "site", monkeypatch, "odd-ones", {WORKLOADS.group: {name: f"{module}:WORKLOAD"}}, {module: source}
    )
    outcome = program("compile", name, "-o", tmp_path / "out")
    assert outcome.code == 2
    for part in parts:
        assert part in " ".join(outcome.err.split())
    assert not (tmp_path / "out").exists()


def test_a_file_or_an_unknown_name_is_no_workload() -> None:
    assert workload_of("model.py:make") is None
    assert workload_of("nothing") is None
