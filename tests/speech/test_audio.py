from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from pcmesh.errors import InputError
from pcmesh.speech.audio import load_audio

RATE_HZ = 16_000


def tone(seconds: float = 1.0, rate_hz: int = RATE_HZ, frequency_hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-22), ("PCM_32", 2**-22), ("FLOAT", 0.0), ("DOUBLE", 0.0)],
)
def test_every_sample_width_gives_the_same_sound(tmp_path: Path, subtype: str, tolerance: float) -> None:
    file = tmp_path / "a.wav"
    soundfile.write(file, tone(), RATE_HZ, subtype=subtype)
    wave = load_audio(file)
    assert wave.dtype == torch.float32
    assert wave.shape == (RATE_HZ,)
    assert float((wave - torch.from_numpy(tone())).abs().max()) <= tolerance


def test_flac_and_ogg(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(), RATE_HZ)
    soundfile.write(tmp_path / "a.ogg", tone(), RATE_HZ)
    assert float((load_audio(tmp_path / "a.flac") - torch.from_numpy(tone())).abs().max()) <= 2**-15
    assert float((load_audio(tmp_path / "a.ogg")[2000:14000] - torch.from_numpy(tone())[2000:14000]).abs().max()) < 0.05


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack((tone(), -0.5 * tone()), axis=1), RATE_HZ, subtype="FLOAT")
    torch.testing.assert_close(load_audio(tmp_path / "a.wav"), torch.from_numpy(0.25 * tone()), rtol=0, atol=1e-7)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000])
def test_other_rates_are_resampled(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(rate_hz=rate_hz), rate_hz, subtype="FLOAT")
    wave = load_audio(tmp_path / "a.wav")
    assert abs(len(wave) - RATE_HZ) <= 1
    middle = slice(1_000, 15_000)
    assert float((wave[middle] - torch.from_numpy(tone())[middle]).abs().max()) < 2e-3


def test_a_silent_file_is_legal(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE_HZ), RATE_HZ)
    assert float(load_audio(tmp_path / "a.wav").abs().max()) == 0


def refused(file: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_audio(file)
    message = str(caught.value)
    assert str(file) in message
    assert "\n" not in message
    assert caught.value.remedy
    return message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "nothing.wav")


def test_a_file_without_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE_HZ)
    assert "0 samples" in refused(tmp_path / "a.wav")


@pytest.mark.parametrize("content", [b"", b"not audio at all", b"RIFF\x10\x00\x00\x00WAVE"])
def test_a_file_that_is_no_audio(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert "cannot be read as audio" in refused(tmp_path / "a.wav")


@pytest.mark.parametrize("kept", [45, 1_000, 31_000])
def test_a_wav_that_is_cut_off_is_not_read_silently(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "a.wav"
    soundfile.write(file, tone(), RATE_HZ)
    file.write_bytes(file.read_bytes()[:kept])
    assert "cut off" in refused(file)


def test_a_flac_that_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "a.flac"
    soundfile.write(file, np.random.default_rng(0).uniform(-0.5, 0.5, RATE_HZ), RATE_HZ)
    file.write_bytes(file.read_bytes()[:9_000])
    refused(file)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(RATE_HZ, value, dtype=np.float32), RATE_HZ, subtype="FLOAT")
    assert "NaN or infinite" in refused(tmp_path / "a.wav")
