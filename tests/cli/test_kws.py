"""pcmesh kws: what it prints and writes, and everything that a user can give it wrongly."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from pcmesh.workloads.kws import experiment, listen
from pcmesh.workloads.kws.prepare import KwsOptions
from tests.cli.conftest import Program
from tests.reporting.sample import kws_result


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> list[KwsOptions]:
    """Replace the experiment by a made-up result; collects the options that it got."""
    seen: list[KwsOptions] = []

    def run(options: KwsOptions, progress: object) -> dict[str, Any]:
        del progress
        seen.append(options)
        return kws_result() | {"time_since_programming_s": options.time_s}

    monkeypatch.setattr(experiment, "run_kws", run)
    return seen


def test_prints_a_table_and_writes_result_and_report(
    program: Program, options: list[KwsOptions], tmp_path: Path
) -> None:
    outcome = program("kws", "--out", tmp_path / "run", "--json", tmp_path / "kws.json")
    assert (outcome.code, outcome.err) == (0, "")
    for words in (
        "1200 words of synthetic speech",
        "86.75 %",
        "86.14 %  (95 % interval 85.90 % to 86.40 %)",
        "(reached)",
    ):
        assert words in outcome.out
    assert "2,400 ns = 8 steps of 300 ns" in outcome.out
    assert max(map(len, outcome.out.replace(str(tmp_path), "").splitlines())) <= 100
    assert json.loads((tmp_path / "kws.json").read_text()) == json.loads((tmp_path / "run" / "result.json").read_text())
    assert "Does the analog chip" in (tmp_path / "run" / "report.html").read_text()
    assert sorted(entry.name for entry in (tmp_path / "run").iterdir()) == ["report.html", "result.json"]
    assert options == [KwsOptions()]


def test_options_reach_the_experiment(program: Program, options: list[KwsOptions], tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "w").touch()
    arguments = "--split validation --chips 2 --seed 7 --time-since-programming 1w --no-ab --no-calibration"
    outcome = program(
        "kws",
        *arguments.split(),
        "--data",
        tmp_path / "d",
        "--weights",
        tmp_path / "w",
        "--utterances",
        9,
        "--chip",
        "ideal",
        "--out",
        tmp_path,
    )
    assert "1 w" in outcome.out
    assert options == [
        KwsOptions(
            data=tmp_path / "d",
            split="validation",
            utterances=9,
            chips=2,
            seed=7,
            time_s=604_800.0,
            balanced=False,
            calibrated=False,
            weights=tmp_path / "w",
            chip="ideal",
        )
    ]


def test_quick_takes_one_chip_and_no_drift(program: Program, options: list[KwsOptions], tmp_path: Path) -> None:
    program("kws", "--quick", "--out", tmp_path)
    assert (options[0].chips, options[0].utterances, options[0].drift_times_s) == (1, 120, ())


def test_a_place_that_cannot_be_written_is_named(program: Program, options: list[KwsOptions], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = program("kws", "--out", tmp_path / "file" / "run")
    assert outcome.code == 2
    assert "cannot be written" in outcome.err
    assert options == []


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"layer0.weight": [1.0]}))


def _wrong_shape(path: Path) -> None:
    save_file({"layer0.weight": torch.zeros(3, 4)}, path)


def _truncated(path: Path) -> None:
    _wrong_shape(path)
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("make", [_pickle, _wrong_shape, _truncated, Path.touch, Path.mkdir])
def test_weights_that_do_not_fit(make: Any, program: Program, tmp_path: Path) -> None:
    make(tmp_path / "w.safetensors")
    _refused(program("kws", "--weights", tmp_path / "w.safetensors", "--out", tmp_path / "run"), "w.safetensors")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [("--data", "nowhere"), ("--weights", "nowhere"), ("--chip", "nowhere")])
def test_what_does_not_exist(arguments: tuple[str, str], program: Program, tmp_path: Path) -> None:
    _refused(program("kws", *arguments, "--out", tmp_path / "run"), "nowhere")


def test_an_empty_folder(program: Program, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    _refused(program("kws", "--data", tmp_path / "data", "--out", tmp_path / "run"), "data")


@pytest.mark.parametrize(("text", "key"), [("[tile]\nrows = 0\n", "tile.rows"), ("[tile]\nroows = 4\n", "tile.roows")])
def test_a_wrong_chip(text: str, key: str, program: Program, tmp_path: Path) -> None:
    (tmp_path / "chip.toml").write_text(text)
    _refused(program("kws", "--chip", tmp_path / "chip.toml", "--out", tmp_path / "run"), key)


def test_a_wrong_duration(program: Program) -> None:
    _refused(program("kws", "--time-since-programming", "1 fortnight"), "fortnight")


def test_listen_prints_the_word(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def hear(file: Path, options: KwsOptions, progress: object) -> dict[str, Any]:
        del options, progress
        return {"file": str(file), "word": "yes", "software_word": "yes", "latency_ns": 2700}

    monkeypatch.setattr(listen, "listen", hear)
    (tmp_path / "hello.wav").touch()
    outcome = program("kws", "listen", tmp_path / "hello.wav", "--json", tmp_path / "heard.json")
    assert outcome.out == "yes    (software: yes; 2,700 ns on the chip)\n"
    assert json.loads((tmp_path / "heard.json").read_text())["word"] == "yes"


def _cut_wav(path: Path) -> None:
    soundfile.write(path, np.zeros(16_000), 16_000, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:9_000])


def _nan_wav(path: Path) -> None:
    soundfile.write(path, np.full(16_000, np.nan), 16_000, subtype="FLOAT")


def _no_samples(path: Path) -> None:
    soundfile.write(path, np.zeros(0), 16_000, subtype="PCM_16")


def _text(path: Path) -> None:
    path.write_text("not a recording")


@pytest.mark.parametrize("make", [_cut_wav, _nan_wav, _no_samples, _text, Path.touch, Path.mkdir, None])
def test_listen_refuses_what_is_no_recording(make: Any, program: Program, tmp_path: Path) -> None:
    if make is not None:
        make(tmp_path / "a.wav")
    _refused(program("kws", "listen", tmp_path / "a.wav"), "a.wav")


def _refused(outcome: Any, words: str) -> None:
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert words in outcome.err
