"""`pcmesh perf` of a chip model says what its summary says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import pcmesh
from pcmesh.deployed import ChipModel
from tests.cli.conftest import Program


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[ChipModel, Path]:
    """Eight layers, each of which needs the one before, with routes."""
    torch.manual_seed(0)
    layers = [m for _ in range(8) for m in (nn.Linear(32, 32), nn.ReLU())]
    model = pcmesh.compile(nn.Sequential(*layers), torch.randn(8, 32), route=True)
    folder = tmp_path_factory.mktemp("chain") / "chip"
    model.save(folder)
    return model, folder


@pytest.mark.parametrize("part", [".", "routed"])
@pytest.mark.parametrize("overlap", [False, True])
def test_perf_and_summary_agree_to_the_bit(
    program: Program, chain: tuple[ChipModel, Path], tmp_path: Path, part: str, overlap: bool
) -> None:
    model, folder = chain
    file = tmp_path / "perf.json"
    more = ["--overlap"] if overlap else []
    assert program("perf", folder / part, "--utterances", 1, "--json", file, *more).code == 0
    result, figures = json.loads(file.read_text()), model.figures()
    assert result["sample"]["latency_s"] == figures["latency_s"]
    assert result["sample"]["interval_s"] == figures["interval_s"]
    assert result["energy_j"] == figures["energy_j"]
    assert result["mean_sample_us"] == pytest.approx(1e6 * figures["latency_s"])
    assert result["mean_sample_us"] > 8 * 1.2


def test_many_samples_overlap(program: Program, chain: tuple[ChipModel, Path], tmp_path: Path) -> None:
    model, folder = chain
    file = tmp_path / "perf.json"
    assert program("perf", folder, "--overlap", "--json", file).code == 0
    result, figures = json.loads(file.read_text()), model.figures()
    assert result["total_time_s"] == pytest.approx(figures["latency_s"] + 999 * figures["interval_s"])
    assert result["energy_j"] == pytest.approx(1000 * figures["energy_j"])


@pytest.mark.parametrize("options", [["--chip", "ideal"], ["--decoder", "serial"], ["--fit"]])
def test_options_that_say_nothing_of_it_are_refused(
    program: Program, chain: tuple[ChipModel, Path], options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = program("perf", chain[1], *options)
    assert done.code == 2
    assert str(chain[1]) in done.err or "RNN-T" in done.err


def test_a_routed_network_has_a_report_and_a_link(
    program: Program, chain: tuple[ChipModel, Path], tmp_path: Path
) -> None:
    done = program("perf", chain[1], "--link", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "over the bench's link" in " ".join(done.out.split())
    assert "How fast is Sequential" in (tmp_path / "out" / "report.html").read_text()
    linked, figures = json.loads((tmp_path / "out" / "result.json").read_text()), chain[0].figures()
    bits = 8 * 32 * (9 + 8)
    assert linked["sample"]["latency_s"] == pytest.approx(figures["latency_s"] + bits / 38.4e9)
