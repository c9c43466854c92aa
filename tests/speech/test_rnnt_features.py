"""The front end against a float64 oracle in plain numpy, written from the description of MLPerf's reference."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from pcmesh.errors import InputError
from pcmesh.speech.front_ends.rnnt import FEATURES, feature_frames, mel_filters, rnnt_features

RATE_HZ, FFT, WINDOW, STRIDE, BANDS = 16_000, 512, 320, 160, 80


def hz_to_mel(hz: float) -> float:
    """Slaney's scale: linear up to 1 kHz, logarithmic above."""
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


def mel_to_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * np.exp(np.log(6.4) * (mel - 15) / 27)


@cache
def oracle_filters() -> np.ndarray:
    corners = [mel_to_hz(mel) for mel in np.linspace(0, hz_to_mel(RATE_HZ / 2), BANDS + 2)]
    filters = np.zeros((BANDS, FFT // 2 + 1))
    for band in range(BANDS):
        low, middle, high = corners[band : band + 3]
        for bin_ in range(FFT // 2 + 1):
            hz = bin_ * RATE_HZ / FFT
            triangle = max(0.0, min((hz - low) / (middle - low), (high - hz) / (high - middle)))
            filters[band, bin_] = triangle * 2 / (high - low)
    return filters


def oracle(wave: np.ndarray) -> np.ndarray:
    wave = wave.astype(np.float64)
    samples = len(wave)
    y = np.array([wave[0], *(wave[t] - 0.97 * wave[t - 1] for t in range(1, samples))])
    reflected = np.concatenate((y[FFT // 2 : 0 : -1], y, y[-2 : -FFT // 2 - 2 : -1]))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))
    taper = np.concatenate((np.zeros(96), hann, np.zeros(96)))
    waves = np.exp(-2j * np.pi * np.outer(np.arange(FFT // 2 + 1), np.arange(FFT)) / FFT)
    filters = oracle_filters()
    logs = []
    for start in range(0, samples + 1, STRIDE):
        power = np.abs(waves @ (reflected[start : start + FFT] * taper)) ** 2 + 1e-10
        logs.append(np.log(filters @ power + 1e-20))
    silence = np.zeros(BANDS)
    spliced = np.array(
        [
            np.concatenate([logs[t + i] if t + i < len(logs) else silence for i in range(3)])
            for t in range(0, len(logs), 3)
        ]
    )
    kept = spliced[: int(np.ceil(np.ceil(samples / 160) / 3))]
    mean = kept.mean(axis=0)
    deviation = np.sqrt(((kept - mean) ** 2).sum(axis=0) / (len(kept) - 1))
    return (kept - mean) / (deviation + 1e-5)


def speech_like(samples: int, seed: int = 0) -> np.ndarray:
    """Noise whose level and colour change every 10 ms or so."""
    generator = np.random.default_rng(seed)
    level = np.repeat(10 ** generator.uniform(-4, -0.5, samples // 160 + 1), 160)[:samples]
    noise = generator.normal(size=samples + 4)
    coloured = np.convolve(noise, generator.normal(size=5), mode="valid")[:samples]
    return np.clip(0.3 * level * coloured, -1, 1).astype(np.float32)


def test_the_mel_filters_are_slaneys() -> None:
    np.testing.assert_allclose(mel_filters().numpy(), oracle_filters(), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize(
    "samples",
    [481, 640, 800, 960, 961, 1_119, 1_120, 4_800, 4_960, 5_120, 5_121, 16_000, 23_999, 40_003],
)
def test_features_are_the_oracles(samples: int) -> None:
    """Among them whole strides (n % 160 = 0) whose extra frame fills the last splice (5,120) or is dropped (4,800)."""
    wave = speech_like(samples, seed=samples)
    features = rnnt_features(torch.from_numpy(wave))
    expected = oracle(wave)
    assert features.shape == expected.shape == (feature_frames(samples), FEATURES)
    assert float(np.abs(features.numpy() - expected).max()) < 2e-4


def test_each_feature_has_mean_0_and_deviation_1() -> None:
    features = rnnt_features(torch.from_numpy(speech_like(32_000)))
    torch.testing.assert_close(features.mean(0), torch.zeros(FEATURES), rtol=0, atol=1e-5)
    torch.testing.assert_close(features.std(0), torch.ones(FEATURES), rtol=0, atol=1e-4)


def test_digital_silence_is_finite() -> None:
    assert bool(rnnt_features(torch.zeros(8_000)).isfinite().all())


@pytest.mark.parametrize("samples", [1, 256, 257, 480])
def test_recordings_of_one_frame_are_refused_with_their_name(samples: int) -> None:
    with pytest.raises(InputError, match=rf"hum\.wav: {samples} samples.*at least 481"):
        rnnt_features(torch.zeros(samples), "hum.wav")


def test_a_twentieth_of_a_second_is_two_frames() -> None:
    assert rnnt_features(torch.from_numpy(speech_like(800))).shape == (2, FEATURES)
