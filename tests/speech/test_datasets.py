from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from pcmesh.errors import InputError
from pcmesh.speech.datasets import load_recording, load_speech_commands
from pcmesh.speech.layouts import list_clips, official_split
from pcmesh.speech.types import KEYWORD_CLASSES, KEYWORDS

RATE_HZ = 16_000


def write_clip(file: Path, level: float = 0.1, seconds: float = 1.0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, np.full(round(seconds * RATE_HZ), level), RATE_HZ)


@pytest.fixture
def full_layout(tmp_path: Path) -> Path:
    """Ten keywords and three other words, 12 speakers each, and background noise; lists for two splits."""
    root = tmp_path / "speech_commands"
    for word in (*KEYWORDS, "bed", "cat", "zero"):
        for speaker in range(12):
            write_clip(root / word / f"{speaker:08x}_nohash_0.wav")
    soundfile.write(root_file(root), np.random.default_rng(0).uniform(-0.1, 0.1, 30 * RATE_HZ), RATE_HZ)
    for name, speakers in (("testing", (0, 1)), ("validation", (2, 3, 4))):
        lines = [
            f"{word}/{speaker:08x}_nohash_0.wav" for word in (*KEYWORDS, "bed", "cat", "zero") for speaker in speakers
        ]
        (root / f"{name}_list.txt").write_text("\n".join(lines))
    return root


def root_file(root: Path) -> Path:
    folder = root / "_background_noise_"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "white.wav"


@pytest.mark.parametrize(("split", "each"), [("test", 2), ("validation", 3), ("train", 7), ("all", 12)])
def test_the_full_layout_obeys_its_lists_and_balances_classes(full_layout: Path, split: str, each: int) -> None:
    speech = load_speech_commands(full_layout, split)  # type: ignore[arg-type]
    assert Counter(speech.labels.tolist()) == dict.fromkeys(range(12), each)
    assert speech.class_names == KEYWORD_CLASSES
    assert speech.kind == "real"
    assert speech.waves.shape == (12 * each, RATE_HZ)
    assert len(set(speech.utterance_ids)) == len(speech)


def test_the_splits_of_the_full_layout_share_nothing(full_layout: Path) -> None:
    ids = [
        {clip.utterance_id for clip in list_clips(full_layout, split)}  # type: ignore[arg-type]
        for split in ("train", "validation", "test")
    ]
    assert not ids[0] & ids[1]
    assert not ids[0] & ids[2]
    assert not ids[1] & ids[2]


def test_the_choice_of_unknown_and_silence_repeats(full_layout: Path) -> None:
    first, second = load_speech_commands(full_layout, "test"), load_speech_commands(full_layout, "test")
    assert first.utterance_ids == second.utterance_ids
    assert torch.equal(first.waves, second.waves)


def test_without_lists_the_hash_decides(full_layout: Path) -> None:
    (full_layout / "testing_list.txt").unlink()
    clips = list_clips(full_layout, "train")
    expected = [f"{n:08x}_nohash_0.wav" for n in range(12) if official_split(f"{n:08x}_nohash_0.wav") == "train"]
    assert [clip.path.name for clip in clips if clip.label == "yes"] == expected


def test_the_hash_split_is_googles(recordings: Path) -> None:
    """All clips of the published test set hash to `test`."""
    with (recordings / "manifest.csv").open(newline="") as stream:
        names = [Path(row["path"]).name for row in csv.DictReader(stream) if row["label"] in KEYWORDS]
    assert len(names) > 2_000
    assert {official_split(name) for name in names} == {"test"}


def test_the_twelve_folders_are_all_test(tmp_path: Path) -> None:
    for label in KEYWORD_CLASSES:
        write_clip(tmp_path / label / "a.wav")
        write_clip(tmp_path / label / "b.wav.flac")
    test, everything = load_speech_commands(tmp_path, "test"), load_speech_commands(tmp_path, "all")
    assert test.utterance_ids == everything.utterance_ids
    assert Counter(test.labels.tolist()) == dict.fromkeys(range(12), 2)
    with pytest.raises(InputError, match="no clips in the split 'train'"):
        load_speech_commands(tmp_path, "train")


def write_manifest(root: Path, rows: list[str]) -> None:
    (root / "manifest.csv").write_text("\n".join(["path,label,speaker,split", *rows]) + "\n")


def test_a_manifest_is_obeyed(tmp_path: Path) -> None:
    for name in ("x/1.wav", "x/2.wav", "y/3.wav"):
        write_clip(tmp_path / name, seconds=0.6)
    write_manifest(tmp_path, ["x/1.wav,yes,a,test", "x/2.wav,no,b,train", "y/3.wav,bird,a,test"])
    speech = load_speech_commands(tmp_path, "test")
    assert speech.utterance_ids == ("x/1.wav", "y/3.wav")
    assert [speech.class_names[label] for label in speech.labels] == ["yes", "_unknown_"]
    assert speech.waves.shape == (2, RATE_HZ)
    assert len(load_speech_commands(tmp_path, "all")) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("path,label\na.wav,yes\n", "lacks the column 'split'"),
        ("path,label,split\na.wav,yes,tset\n", "line 2: unknown split"),
    ],
)
def test_a_faulty_manifest_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(InputError, match=problem):
        load_speech_commands(tmp_path, "test")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_speech_commands(tmp_path / "nothing")


def test_a_folder_without_the_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the folders"):
        load_speech_commands(tmp_path)
    (tmp_path / "bed").mkdir()
    with pytest.raises(InputError, match="none of the folders"):
        load_speech_commands(tmp_path)


def test_word_folders_without_clips(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    with pytest.raises(InputError, match="no clips"):
        load_speech_commands(tmp_path, "all")


def test_an_unreadable_clip_is_named(tmp_path: Path) -> None:
    (tmp_path / "_unknown_").mkdir()
    (tmp_path / "_unknown_" / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"broken\.wav"):
        load_speech_commands(tmp_path, "test")


def test_a_clip_of_the_manifest_that_is_missing_is_named(tmp_path: Path) -> None:
    write_manifest(tmp_path, ["gone.wav,yes,a,test"])
    with pytest.raises(InputError, match=r"gone\.wav: no such file"):
        load_speech_commands(tmp_path, "test")


def test_one_recording_of_any_length(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((44_100 * 3, 2)), 44_100)
    speech = load_recording(tmp_path / "a.wav")
    assert speech.waves.shape == (1, RATE_HZ)
    assert speech.utterance_ids == ("a.wav",)


def test_the_public_recordings_split_by_speaker(recordings: Path) -> None:
    assert len(load_speech_commands(recordings, "validation")) == 321
    counts = {split: len(list_clips(recordings, split)) for split in ("train", "validation", "test", "all")}  # type: ignore[arg-type]
    assert counts == {"train": 2_396, "validation": 321, "test": 704, "all": 3_421}
