"""`pcmesh rnnt` from the command line, with small random networks in the published layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from pcmesh.speech.audio import load_audio
from pcmesh.speech.front_ends.rnnt import rnnt_features
from pcmesh.speech.sentences import held_out_sentences
from pcmesh.speech.transcripts import to_text
from pcmesh.speech.voices.spoken import held_out_speech
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.checkpoint import read_checkpoint, save_network
from tests.cli.conftest import Program
from tests.workloads.rnnt.networks import SMALL, random_network, random_state
from tests.workloads.rnnt.reference import Reference


def write_noise(path: Path, seconds: float, rate_hz: int = 16_000, channels: int = 1, seed: int = 0) -> None:
    """Noise whose level changes ten times a second."""
    generator = np.random.default_rng(seed)
    samples = round(seconds * rate_hz)
    level = np.repeat(10 ** generator.uniform(-3, -0.7, samples // (rate_hz // 10) + 1), rate_hz // 10)[:samples]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, level[:, None] * generator.uniform(-1, 1, (samples, channels)), rate_hz)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    save_network(random_network(), tmp_path / "rnnt.pt")
    return tmp_path / "rnnt.pt"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    chapter = tmp_path / "dev" / "84" / "121"
    for number, seconds in enumerate((0.9, 1.7, 15.2)):
        write_noise(chapter / f"84-121-000{number}.flac", seconds, seed=number)
    lines = [f"84-121-000{number} ONE TWO THREE" for number in range(3)]
    (chapter / "84-121.trans.txt").write_text("\n".join(lines))
    return tmp_path / "dev"


def test_transcribe_writes_what_the_reference_hears(program: Program, checkpoint: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.wav", tmp_path / "b.flac", tmp_path / "c.ogg"]
    for path, rate_hz, channels in zip(files, (16_000, 44_100, 8_000), (1, 2, 1), strict=True):
        write_noise(path, 1.1, rate_hz, channels)
    outcome = program("rnnt", "transcribe", *files, "--checkpoint", checkpoint, "--json", tmp_path / "found.json")
    assert outcome.code == 0
    result = json.loads((tmp_path / "found.json").read_text())
    assert result["engine"] == "float"
    reference = Reference(random_state())
    for path, found in zip(files, result["utterances"], strict=True):
        features = rnnt_features(load_audio(path)).numpy()
        labels, _, _ = reference.decode(reference.encode(features))
        assert found["file"] == str(path)
        assert found["tokens"] == labels
        assert found["text"] == to_text(labels)
        assert (found["feature_frames"], found["encoder_frames"]) == (37, 19)
        assert f"{path}: {to_text(labels)}".rstrip() in outcome.out


def test_a_twentieth_of_a_second_is_transcribed(program: Program, checkpoint: Path, tmp_path: Path) -> None:
    write_noise(tmp_path / "a.wav", 0.05)
    outcome = program("rnnt", "transcribe", tmp_path / "a.wav", "--checkpoint", checkpoint)
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.parametrize(
    ("seconds", "problem"), [(0.03, "480 samples at 16 kHz (30.0 ms) are too short"), (0.0, "holds 0 samples")]
)
def test_a_recording_too_short_is_named(
    program: Program, checkpoint: Path, tmp_path: Path, seconds: float, problem: str
) -> None:
    write_noise(tmp_path / "good.wav", 1.0)
    write_noise(tmp_path / "bad.wav", seconds)
    outcome = program("rnnt", "transcribe", tmp_path / "good.wav", tmp_path / "bad.wav", "--checkpoint", checkpoint)
    assert outcome.code == 2
    assert f"bad.wav: {problem}" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_evaluate_without_data_speaks_held_out_sentences(program: Program, tmp_path: Path) -> None:
    outcome = program("rnnt", "evaluate", "--utterances", 24, "--json", tmp_path / "r.json")
    assert outcome.code == 0
    assert "24 synthetic utterances" in outcome.out
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["data"]["kind"] == "synthetic"
    assert [line["reference"] for line in result["utterances"]] == list(held_out_sentences("test")[:24])
    assert result["wer"] < 0.3


def test_transcribe_needs_no_checkpoint(program: Program, tmp_path: Path) -> None:
    (spoken,) = held_out_speech("validation", 1)
    soundfile.write(tmp_path / "a.wav", spoken.wave, 16_000)
    outcome = program("rnnt", "transcribe", tmp_path / "a.wav", "--json", tmp_path / "r.json")
    assert outcome.code == 0
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["checkpoint"] is None
    assert result["utterances"][0]["text"].strip()


@pytest.mark.parametrize(
    ("change", "words"), [({"features": 120}, "120 features, speech 240"), ({"labels": 30}, "30 letters, speech 28")]
)
def test_a_network_for_something_else_is_refused(
    program: Program, tmp_path: Path, change: dict[str, int], words: str
) -> None:
    save_network(random_network(SMALL.model_copy(update=change)), tmp_path / "rnnt.pt")
    write_noise(tmp_path / "a.wav", 0.2)
    outcome = program("rnnt", "transcribe", tmp_path / "a.wav", "--checkpoint", tmp_path / "rnnt.pt")
    assert outcome.code == 2
    assert words in outcome.err


def test_evaluate_counts_words_frames_and_letters(
    program: Program, checkpoint: Path, corpus: Path, tmp_path: Path
) -> None:
    outcome = program("rnnt", "evaluate", "--data", corpus, "--checkpoint", checkpoint, "--json", tmp_path / "r.json")
    assert outcome.code == 0
    assert "Word error rate" in outcome.out
    result = json.loads((tmp_path / "r.json").read_text())
    counts = ("n_utterances", "longer_left_out", "words", "characters", "feature_frames", "encoder_frames")
    assert [result[key] for key in counts] == [2, 1, 6, 26, 30 + 57, 15 + 29]
    lines = result["utterances"]
    assert [line["reference"] for line in lines] == ["one two three"] * 2
    assert result["wer"] == sum(line["word_errors"] for line in lines) / 6
    assert result["letters"] == sum(len(line["tokens"]) for line in lines)
    assert result["decoder_steps"] == result["letters"] + 2
    assert result["prediction_calls"] == result["encoder_frames"] + result["letters"] - result["capped_frames"]


def test_evaluate_reads_a_manifest(program: Program, checkpoint: Path, corpus: Path, tmp_path: Path) -> None:
    rows = [
        {"transcript": "one", "original_duration": 0.9, "files": [{"fname": "84/121/84-121-0000.flac"}]},
        {"transcript": "two", "original_duration": 1.7, "files": [{"fname": "84/121/84-121-0001.flac"}]},
    ]
    manifest = tmp_path / "dev.json"
    manifest.write_text(json.dumps(rows))
    arguments = ("rnnt", "evaluate", "--manifest", manifest, "--checkpoint", checkpoint)
    missing = program(*arguments)
    assert missing.code == 2
    assert "84-121-0000.flac: no such recording (2 of 2 are missing)" in missing.err
    outcome = program(*arguments, "--data", corpus, "--utterances", 1, "--json", tmp_path / "r.json")
    assert outcome.code == 0
    assert json.loads((tmp_path / "r.json").read_text())["words"] == 1


def test_evaluate_without_recordings(program: Program, checkpoint: Path, corpus: Path) -> None:
    outcome = program("rnnt", "evaluate", "--data", corpus, "--longest", 0.5, "--checkpoint", checkpoint)
    assert "no recording of at most 0.5 s among 3" in outcome.err


def test_convert_there_and_back(program: Program, checkpoint: Path, tmp_path: Path) -> None:
    middle, back = tmp_path / "rnnt.safetensors", tmp_path / "back.pt"
    assert program("rnnt", "convert", checkpoint, middle).code == 0
    assert program("rnnt", "convert", middle, back).code == 0
    first, last = read_checkpoint(checkpoint), read_checkpoint(back)
    assert first.keys() == last.keys() == read_checkpoint(middle).keys()
    assert all(torch.equal(first[key], last[key]) for key in first)


def test_convert_leaves_nothing_behind_when_it_fails(program: Program, checkpoint: Path, tmp_path: Path) -> None:
    assert program("rnnt", "convert", checkpoint, tmp_path / "rnnt.onnx").code == 2
    assert program("rnnt", "convert", tmp_path / "nothing.pt", tmp_path / "a.pt").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["rnnt.pt"]


def test_map_of_a_checkpoints_widths(program: Program, tmp_path: Path) -> None:
    save_network(random_network(RnntWidths(encoder=64, prediction=20, joint=24)), tmp_path / "rnnt.pt")
    outcome = program(
        "rnnt", "map", "--checkpoint", tmp_path / "rnnt.pt", "--expand", 512, "--json", tmp_path / "map.json"
    )
    assert outcome.code == 0
    result = json.loads((tmp_path / "map.json").read_text())
    keys = {"tiles", "pcms", "weights", "output_slots", "integration_phases", "operation_ns", "layers"}
    assert all(keys <= chip.keys() for chip in result["chips"])
    assert result["chips"][0]["layers"][0]["rows"] == 512
    assert "parameters mapped" in outcome.out


def test_map_refuses_an_expansion_below_the_features(program: Program) -> None:
    outcome = program("rnnt", "map", "--expand", 100)
    assert outcome.code == 2
    assert "Expand to at least 240 rows" in outcome.err


def test_evaluate_on_chips_prints_rates_and_writes_a_report(
    program: Program, checkpoint: Path, corpus: Path, tmp_path: Path
) -> None:
    arguments = ("rnnt", "evaluate", "--engine", "chip", "--data", corpus, "--checkpoint", checkpoint)
    more = ("--calibration", corpus, "--layers", "enc-lstm0,dec-fc", "--each", "--chips", 2, "--out", tmp_path / "out")
    outcome = program(*arguments, *more)
    assert outcome.code == 0, outcome.err
    assert "software" in outcome.out
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [one["layers"] for one in result["conditions"]] == [["enc-lstm0"], ["dec-fc"]]
    assert result["data"]["kind"] == "recorded"
    assert "recorded speech" in (tmp_path / "out" / "report.html").read_text()


def test_transcribe_on_the_chip_repeats_and_ages(program: Program, checkpoint: Path, tmp_path: Path) -> None:
    write_noise(tmp_path / "a.wav", 8.0)
    write_noise(tmp_path / "training" / "b.wav", 1.9)
    (tmp_path / "training" / "list.tsv").write_text("b.wav\tone two\n")
    texts = []
    for number, age in enumerate(("0s", "0s", "1y")):
        file = tmp_path / f"{number}.json"
        arguments = ("--checkpoint", checkpoint, "--calibration", tmp_path / "training", "--json", file)
        outcome = program(
            "rnnt", "transcribe", tmp_path / "a.wav", "--engine", "chip", "--time-since-programming", age, *arguments
        )
        assert outcome.code == 0, outcome.err
        texts.append(json.loads(file.read_text())["utterances"][0]["tokens"])
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_unknown_layers_are_refused(program: Program, checkpoint: Path, corpus: Path) -> None:
    arguments = ("rnnt", "evaluate", "--engine", "chip", "--data", corpus, "--checkpoint", checkpoint)
    outcome = program(*arguments, "--layers", "joint-fc")
    assert (outcome.code, "joint-fc" in outcome.err) == (2, True)


def test_a_new_fit_is_not_enlarged_by_the_drift_that_it_knows(program: Program) -> None:
    outcome = program("rnnt", "evaluate", "--engine", "chip", "--expect-drift", "--recalibrate")
    assert (outcome.code, "--recalibrate" in outcome.err) == (2, True)


def test_causal_text_is_that_of_the_stream(program: Program, checkpoint: Path, tmp_path: Path) -> None:
    write_noise(tmp_path / "a.wav", 1.3)
    found = []
    for option in ("--causal", "--stream"):
        file = tmp_path / f"{option}.json"
        outcome = program("rnnt", "transcribe", tmp_path / "a.wav", option, "--checkpoint", checkpoint, "--json", file)
        assert outcome.code == 0, outcome.err
        found.append(json.loads(file.read_text())["utterances"][0]["tokens"])
    assert found[0] == found[1]
