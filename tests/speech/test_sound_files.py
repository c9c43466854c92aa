"""Sound files of many containers, from pipes, cut off and with headers that no recording has."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pcmesh.errors import InputError
from pcmesh.speech.corpora import list_utterances
from pcmesh.speech.sound_files import decode, recording_s

RATE_HZ, SAMPLES = 16_000, 40_000
DATA = Path(os.environ.get("PCMESH_DATA", Path(__file__).parents[3] / "shared" / "data"))


def sound() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, SAMPLES).astype(np.float32).clip(-0.9, 0.9)


def written(path: Path, kind: str, **options: object) -> bytearray:
    soundfile.write(path, sound(), RATE_HZ, format=kind, **options)
    return bytearray(path.read_bytes())


def read(path: Path, content: bytes) -> np.ndarray:
    """Return the samples of a sound file, whose length must be told without decoding it, too."""
    path.write_bytes(content)
    samples, rate_hz = decode(path)
    assert rate_hz == RATE_HZ
    assert recording_s(path) == pytest.approx(len(samples) / RATE_HZ)
    return samples


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        decode(path)
    assert str(path) in caught.value.problem
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return caught.value.problem


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "NIST", "VOC"])
def test_containers_without_loss(kind: str, tmp_path: Path) -> None:
    np.testing.assert_allclose(read(tmp_path / "a", written(tmp_path / "b", kind)), sound(), atol=2**-15)


@pytest.mark.parametrize("subtype", ["ALAW", "ULAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_codes_of_telephones(subtype: str, tmp_path: Path) -> None:
    samples = read(tmp_path / "a", written(tmp_path / "b", "WAV", subtype=subtype))
    assert np.corrcoef(samples[:SAMPLES], sound())[0, 1] > 0.5


@pytest.mark.parametrize(
    ("kind", "options"), [("OGG", {"subtype": "VORBIS"}), ("OGG", {"subtype": "OPUS"}), ("MP3", {})], ids=str
)
def test_containers_with_loss_have_the_same_length(kind: str, options: dict[str, object], tmp_path: Path) -> None:
    assert len(read(tmp_path / "a", written(tmp_path / "b", kind, **options))) == SAMPLES


def test_mp3_of_a_variable_rate_whose_header_does_not_state_the_length(tmp_path: Path) -> None:
    content = written(tmp_path / "b", "MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    after_header = content[content.index(content[:2], 2) :]
    assert SAMPLES <= len(read(tmp_path / "a", after_header)) < SAMPLES + 4 * 576


@pytest.mark.parametrize(
    ("kind", "chunk", "at", "order"),
    [("WAV", b"data", 4, "<I"), ("WAVEX", b"data", 4, "<I"), ("AIFF", b"SSND", 4, ">I"), ("AU", b".snd", 8, ">I")],
)
@pytest.mark.parametrize("stated", [0, 0x7F00_0000, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF])
def test_lengths_as_pipes_have_them(kind: str, chunk: bytes, at: int, order: str, stated: int, tmp_path: Path) -> None:
    content = written(tmp_path / "b", kind)
    struct.pack_into(order, content, content.index(chunk) + at, stated)
    np.testing.assert_allclose(read(tmp_path / "a", content), sound(), atol=2**-15)


def test_other_lengths_that_are_left_open(tmp_path: Path) -> None:
    flac = written(tmp_path / "b", "FLAC")
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    caf = written(tmp_path / "b", "CAF")
    struct.pack_into(">q", caf, caf.index(b"data") + 4, -1)
    rf64 = written(tmp_path / "b", "RF64")
    at = rf64.index(b"ds64") + 8
    rf64[at : at + 28] = bytes(28)
    w64 = written(tmp_path / "b", "W64")
    struct.pack_into("<q", w64, w64.index(b"data") + 16, 0)
    for content in (flac, caf, rf64, w64):
        np.testing.assert_allclose(read(tmp_path / "a", content), sound(), atol=2**-15)


def test_no_samples_are_no_stream(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE_HZ)
    empty = (tmp_path / "a.wav").read_bytes()
    assert len(read(tmp_path / "b.wav", empty)) == 0
    assert len(read(tmp_path / "b.wav", empty + b"LIST" + struct.pack("<I", 4) + b"INFO")) == 0


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "FLAC", "OGG", "MP3"])
def test_what_is_cut_off_is_not_read_silently(kind: str, tmp_path: Path) -> None:
    content = written(tmp_path / "b", kind)
    problem = refused(tmp_path / "a", content[: len(content) // 2])
    assert "cut off" in problem or "cannot be read as audio" in problem


def test_what_is_lost_behind_the_sound_does_not_matter(tmp_path: Path) -> None:
    content = written(tmp_path / "b", "WAV") + b"LIST" + struct.pack("<I", 400) + b"INFO"
    struct.pack_into("<I", content, 4, len(content) + 388)
    assert len(read(tmp_path / "a", content)) == SAMPLES


@pytest.mark.parametrize("rate_hz", [0, 1, 999, 1_000_001, 1_000_000_000, 2**32 - 1])
def test_rates_that_no_recording_has(rate_hz: int, tmp_path: Path) -> None:
    content = written(tmp_path / "b", "WAV")
    struct.pack_into("<I", content, 24, rate_hz)
    problem = refused(tmp_path / "a", content)
    assert f"a rate of {rate_hz:,} Hz" in problem or "states no rate" in problem


def test_lengths_that_no_recording_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcmesh.speech.sound_files.LONGEST_S", 2.0)
    assert "is longer than" in refused(tmp_path / "a", written(tmp_path / "b", "WAV"))


@pytest.mark.parametrize("channels", [0, 65_535])
def test_channels_that_no_recording_has(channels: int, tmp_path: Path) -> None:
    content = written(tmp_path / "b", "WAV")
    struct.pack_into("<H", content, 22, channels)
    assert "channels" in refused(tmp_path / "a", content)


def test_what_is_no_file_of_sound(tmp_path: Path) -> None:
    assert "it is empty" in refused(tmp_path / "a.wav", b"")
    for content in (b"\xff\xfb\x90" + bytes(range(256)) * 20, b"ID3", b"OggS", b"fLaC", b"caff", b".snd" + bytes(40)):
        refused(tmp_path / "a.raw", content)
    os.mkfifo(tmp_path / "pipe")
    for path, problem in ((tmp_path, "is a folder"), (tmp_path / "pipe", "is no regular file")):
        with pytest.raises(InputError, match=problem):
            decode(path)


def test_librispeech_as_mp3() -> None:
    folder = DATA / "librispeech_dev_clean" / "LibriSpeech" / "dev-clean" / "1462"
    if not folder.is_dir():
        pytest.skip(f"no {folder} (set PCMESH_DATA)")
    listed = list_utterances(folder)
    assert {one.path.suffix for one in listed} == {".mp3"}
    assert all(1 < one.duration_s <= 15 for one in listed)
    assert len(decode(listed[0].path)[0]) == round(16_000 * listed[0].duration_s)
