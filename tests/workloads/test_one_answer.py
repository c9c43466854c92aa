"""The keyword network has one time and one energy, whoever says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pcmesh
from pcmesh.speech.voices.synthesis import synthesise_keywords
from pcmesh.workloads.kws.experiment import run_kws
from pcmesh.workloads.kws.network import load_keyword_network
from pcmesh.workloads.kws.prepare import KwsOptions, features_of, prepare
from tests.cli.conftest import Program, program  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def model() -> pcmesh.ChipModel:
    return prepare(KwsOptions(utterances=1), lambda *_: None).model


def test_every_command_says_the_same_to_the_bit(
    program: Program,  # noqa: F811
    model: pcmesh.ChipModel,
    tmp_path: Path,
) -> None:
    figures = model.figures()
    file = tmp_path / "result.json"
    assert program("compile", "kws", "-o", tmp_path / "kws", "--json", file).code == 0
    folder = json.loads(file.read_text())
    assert (tmp_path / "kws" / "routed" / "report.html").is_file()
    assert program("summary", tmp_path / "kws", "--json", file).code == 0
    again = json.loads(file.read_text())
    samples = []
    for network in ("kws", tmp_path / "kws"):
        assert program("perf", network, "--json", file).code == 0
        samples.append(json.loads(file.read_text()))
    assert samples[0]["sample"] == samples[1]["sample"]
    assert samples[0]["energy_j"] == samples[1]["energy_j"] == 1000 * figures["energy_j"]
    for key in ("latency_s", "after_s", "interval_s", "energy_j", "energy_by"):
        assert figures[key] == folder[key] == again[key] == samples[0]["sample"][key], key
    result = run_kws(KwsOptions(utterances=12, chips=1, drift_times_s=()))
    assert result["frame_energy_j"] == figures["energy_j"]
    assert result["latency_ns"] == round(1e9 * figures["latency_s"]) == 2700
    assert result["frame_interval_ns"] == round(1e9 * figures["interval_s"]) == 2400
    assert result["digital_ns"] == round(1e9 * figures["after_s"]) == 300


def test_its_schedule_and_its_shares_say_it_too(model: pcmesh.ChipModel) -> None:
    figures, compiled = model.figures(), model.program.compiled
    assert compiled is not None
    schedule, timing = compiled.routing.chips[0], compiled.chip.timing
    assert 1e9 * figures["latency_s"] == pytest.approx(schedule.operation_ns(timing))
    assert 1e9 * figures["interval_s"] == pytest.approx(schedule.interval_ns(timing))
    assert model.on(number=3).figures()["energy_j"] == figures["energy_j"]
    for name in ("layer0", "layer1", "layer2"):
        alone = model.on(only=[name]).figures()
        assert alone["energy_by"] == "estimate without routes"
        assert 0 < alone["energy_j"] < figures["energy_j"]


@pytest.mark.xfail(reason="since conduction is counted the estimate is 9 % above the power test", strict=True)
def test_the_estimate_without_routes_is_near_the_power_test() -> None:
    network, x = load_keyword_network(), features_of(synthesise_keywords(64, "validation", 0))
    for hand_over in (True, False):
        figures = [pcmesh.compile(network, x, hand_over=hand_over, route=route).figures() for route in (True, False)]
        assert figures[0]["energy_by"] != figures[1]["energy_by"]
        assert figures[1]["energy_j"] == pytest.approx(figures[0]["energy_j"], rel=0.05)


def test_the_clocked_chip_agrees_with_a_saved_keyword_network(
    program: Program,  # noqa: F811
    model: pcmesh.ChipModel,
    tmp_path: Path,
) -> None:
    model.save(tmp_path / "kws")
    done = program("verify", tmp_path / "kws", "--frames", 2)
    assert done.code == 0, done.err
    tile = next(place for place in model.program.placement.places)
    assert tile.chip == 0
    assert program("inspect", tmp_path / "kws", "--weight", "layer0", 700, 5).code == 0
