from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pcmesh.errors import InputError
from pcmesh.speech.corpora import Utterance, list_manifest, list_utterances, no_longer_than

DATA = Path(os.environ.get("PCMESH_DATA", Path(__file__).parents[3] / "shared" / "data"))


def write_audio(path: Path, seconds: float = 0.2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(round(16_000 * seconds)), 16_000)


@pytest.fixture
def librispeech(tmp_path: Path) -> Path:
    for speaker, chapter, lines in (("84", "121123", ["GO DO YOU HEAR", "BUT IN LESS"]), ("174", "50561", ["FORGET"])):
        folder = tmp_path / "dev-clean" / speaker / chapter
        names = [f"{speaker}-{chapter}-{number:04d}" for number in range(len(lines))]
        for name in names:
            write_audio(folder / f"{name}.flac")
        text = "\n".join(f"{name} {line}" for name, line in zip(names, lines, strict=True))
        (folder / f"{speaker}-{chapter}.trans.txt").write_text(text)
    return tmp_path / "dev-clean"


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        list_utterances(folder)
    assert caught.value.remedy
    return str(caught.value)


def test_librispeechs_folders_whose_last_lines_lack_a_newline(librispeech: Path) -> None:
    found = list_utterances(librispeech)
    assert [(one.path.stem, one.text) for one in found] == [
        ("174-50561-0000", "forget"),
        ("84-121123-0000", "go do you hear"),
        ("84-121123-0001", "but in less"),
    ]
    assert {one.duration_s for one in found} == {0.2}
    assert len(list_utterances(librispeech / "84" / "121123")) == 2


def test_a_recording_without_its_line_is_named(librispeech: Path) -> None:
    write_audio(librispeech / "84" / "121123" / "84-121123-0002.flac")
    assert "84-121123-0002.flac: has no transcript in 84-121123.trans.txt" in refused(librispeech)


def test_two_recordings_of_one_name_are_one_too_many(librispeech: Path) -> None:
    write_audio(librispeech / "84" / "121123" / "84-121123-0001.wav")
    assert "84-121123-0001.wav: 84-121123-0001.flac has the same name" in refused(librispeech)


@pytest.mark.parametrize("suffix", ["mp3", "opus", "aiff", "au", "caf", "w64"])
def test_librispeechs_folders_with_recordings_of_any_format(librispeech: Path, suffix: str) -> None:
    chapter = librispeech / "84" / "121123"
    kind = {"opus": "OGG"}.get(suffix, suffix.upper())
    for path in chapter.glob("*.flac"):
        options = {"subtype": "OPUS"} if suffix == "opus" else {}
        soundfile.write(path.with_suffix(f".{suffix}"), np.zeros(3_200), 16_000, format=kind, **options)
        path.unlink()
    found = list_utterances(chapter)
    assert [one.path.name for one in found] == [f"84-121123-000{number}.{suffix}" for number in (0, 1)]
    assert [one.duration_s for one in found] == pytest.approx([0.2, 0.2])


def test_a_recording_that_libsndfile_cannot_read_is_named_with_a_way_out(librispeech: Path) -> None:
    chapter = librispeech / "84" / "121123"
    (chapter / "84-121123-0001.flac").unlink()
    (chapter / "84-121123-0001.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    with pytest.raises(InputError, match=r"0001\.m4a: cannot be read as audio .* ffmpeg"):
        no_longer_than(list_utterances(chapter))


def test_a_chapter_without_transcripts_is_named(librispeech: Path) -> None:
    (librispeech / "84" / "121123" / "84-121123.trans.txt").unlink()
    assert f"{librispeech / '84' / '121123'}: has no transcripts" in refused(librispeech)


def test_a_line_without_recording_or_text_is_named(librispeech: Path) -> None:
    path = librispeech / "84" / "121123" / "84-121123.trans.txt"
    path.write_text("84-121123-0000 GO\n84-121123-0001\n")
    assert f"{path}, line 2: the transcript is empty" in refused(librispeech)
    path.write_text("84-121123-0000 GO\n84-121123-0001 BUT\n\n84-121123-0009 IN")
    assert f"{path}, line 4: there is no recording 84-121123-0009" in refused(librispeech)


def test_folders_that_are_neither(tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path / "nothing")
    assert "has no transcripts" in refused(tmp_path)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_audio(tmp_path / "a.wav")
    write_audio(tmp_path / "more" / "b.ogg", 0.4)
    path = tmp_path / "said.tsv"
    path.write_text("\ufeffpath\ttext\nmore/b.ogg\tWell, yes.\na.wav\tNo")
    return path


def test_a_folder_with_a_tsv(table: Path) -> None:
    found = list_utterances(table.parent)
    assert [(one.path, one.text) for one in found] == [
        (table.parent / "more" / "b.ogg", "well yes"),
        (table.parent / "a.wav", "no"),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a.wav\tyes", "b.ogg: has no transcript in said.tsv"),
        ("a.wav yes", "line 1: has no tab"),
        ("a.wav\tyes\na.wav\tno", "line 2: a.wav is listed twice"),
        ("c.wav\tyes", "line 1: there is no recording c.wav"),
        ("a.wav\t", "line 1: the transcript is empty"),
        ("a.wav\troom 7", "line 1: the transcript holds '7'"),
    ],
)
def test_faults_of_a_tsv_are_named(table: Path, content: str, problem: str) -> None:
    table.write_text(content)
    assert problem in refused(table.parent)


def test_two_tsv_files_are_one_too_many(table: Path) -> None:
    (table.parent / "other.tsv").write_text("")
    assert "holds 2 tsv files" in refused(table.parent)


def test_longer_recordings_are_left_out_and_15_seconds_are_kept(tmp_path: Path) -> None:
    listed = [Utterance(path=tmp_path, text="a", stated_s=seconds) for seconds in (1.0, 15.0, 15.0001)]
    assert [one.duration_s for one in no_longer_than(listed)] == [1.0, 15.0]


def test_something_that_is_no_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(InputError, match=r"a\.wav: cannot be read as audio"):
        no_longer_than([Utterance(path=tmp_path / "a.wav", text="a")])


def manifest_row(**changes: object) -> dict[str, object]:
    row = {"transcript": "go do", "files": [{"fname": "d/1.wav", "speed": 1}], "original_duration": 2.5}
    return {**row, **changes}


def test_a_manifest(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(json.dumps([manifest_row()]))
    assert list_manifest(path) == [Utterance(path=tmp_path / "d" / "1.wav", text="go do", stated_s=2.5)]
    assert list_manifest(path, Path("/audio"))[0].path == Path("/audio/d/1.wav")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("nothing", "is no JSON"),
        ("{}", "is no list"),
        ('[{"transcript": "a"}]', r"0\.files: is missing"),
        (json.dumps([manifest_row(files=[])]), r"0\.files"),
        (json.dumps([manifest_row(files=[{"fname": ""}])]), r"0\.files\.0\.fname"),
        *((json.dumps([manifest_row(original_duration=s)]), r"0\.original_duration") for s in (0, -1, 6e14, math.nan)),
        ("[" * 100_000, "recursion limit"),
        (json.dumps([manifest_row(), manifest_row(transcript="7")]), "row 2: the transcript holds '7'"),
    ],
)
def test_faults_of_a_manifest_are_named(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "dev.json"
    path.write_text(content)
    with pytest.raises(InputError, match=problem):
        list_manifest(path)


def test_mlperfs_manifest_has_the_papers_queries() -> None:
    path = DATA / "mlperf_rnnt" / "dev-clean-wav.json"
    if not path.is_file():
        pytest.skip(f"no {path} (set PCMESH_DATA)")
    listed = list_manifest(path)
    kept = no_longer_than(listed)
    assert (len(listed), len(kept)) == (2_703, 2_513)
    assert sum(len(one.text.split()) for one in kept) == 44_349
    assert sum(len(one.text) for one in kept) == 233_450
    assert sum(one.duration_s for one in kept) == pytest.approx(15_710.28, abs=0.01)


def test_the_corpus_own_files() -> None:
    folder = DATA / "librispeech_sample"
    if not folder.is_dir():
        pytest.skip(f"no {folder} (set PCMESH_DATA)")
    found = list_utterances(folder)
    assert [len(one.text.split()) for one in found] == [28, 8, 5, 17]
    assert [one.duration_s for one in found] == [10.435, 3.275, 2.085, 5.415]
