from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.fft
import torch

from pcmesh.speech.front_ends.keywords import (
    PAPER_MFCC,
    MfccConfig,
    centre_word,
    fit_to_clip,
    keyword_features,
    mfcc,
    normalise_level,
)

RATE_HZ = 16_000


def word(place_s: float = 0.5, level: float = 0.3, seed: int = 0) -> torch.Tensor:
    """A burst of 0.3 s in faint noise; the noise is circular, so a shifted word is the same clip, turned."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(RATE_HZ) / RATE_HZ
    sound = torch.sin(2 * torch.pi * 300 * time) + 0.5 * torch.sin(2 * torch.pi * 1_900 * time)
    clip = sound * torch.exp(-(((time - 0.5) / 0.1) ** 2)) + 0.003 * torch.randn(RATE_HZ, generator=generator)
    return level * torch.roll(clip, round((place_s - 0.5) * RATE_HZ))


def reference_mfcc(wave: np.ndarray, config: MfccConfig) -> np.ndarray:
    """librosa's STFT and mel bank and scipy's DCT, frame by frame, in float64."""
    padding = (config.n_fft - config.window_samples) // 2
    spectrum = librosa.stft(
        np.pad(wave.astype(np.float64), padding),
        n_fft=config.n_fft,
        hop_length=config.stride_samples,
        win_length=config.window_samples,
        window="hann",
        center=False,
    )
    bank = librosa.filters.mel(
        sr=config.sample_rate_hz, n_fft=config.n_fft, n_mels=40, fmin=config.f_min_hz, fmax=config.f_max_hz,
        norm=None, htk=True, dtype=np.float64,
    )  # fmt: skip
    logs = np.log(bank @ np.abs(spectrum) ** 2 + config.power_floor)
    return scipy.fft.dct(logs, type=2, norm="ortho", axis=0).T.clip(-config.limit, config.limit)


@pytest.mark.parametrize("seed", range(4))
def test_mfcc_equals_librosa_and_scipy_in_float64(seed: int) -> None:
    wave = word(seed=seed)
    features = mfcc(wave[None])
    assert features.shape == (1, 49, 40)
    np.testing.assert_allclose(features[0].numpy(), reference_mfcc(wave.numpy(), PAPER_MFCC), rtol=0, atol=2e-4)


def test_features_stay_within_the_papers_limit() -> None:
    waves = torch.stack((torch.zeros(RATE_HZ), 100 * word(), 1e-9 * word()))
    features = mfcc(waves)
    assert float(features.abs().max()) <= 30
    assert bool(torch.isfinite(features).all())


def test_the_word_is_found_wherever_it_stands() -> None:
    places = torch.stack([word(place) for place in (0.3, 0.42, 0.5, 0.66)])
    centred = centre_word(places)
    assert (
        float((centred - centred[2]).abs().max()) < 1e-6
        or float((keyword_features(places) - keyword_features(places)[2]).abs().mean()) < 0.2
    )
    energy = centred.square()
    middle = (energy * torch.arange(RATE_HZ)).sum(1) / energy.sum(1) / RATE_HZ
    assert float((middle - 0.5).abs().max()) < 0.02


def test_centring_turns_and_loses_nothing() -> None:
    wave = word(0.31)
    assert torch.equal(centre_word(wave[None])[0].sort().values, wave.sort().values)


def test_level_does_not_matter() -> None:
    loud, soft = keyword_features(torch.stack((word(level=0.9), word(level=0.001))))
    torch.testing.assert_close(loud, soft, rtol=0, atol=1e-3)


def test_a_silent_clip_has_finite_features() -> None:
    silent = torch.zeros(1, RATE_HZ)
    assert torch.equal(normalise_level(centre_word(silent)), silent)
    assert bool(torch.isfinite(keyword_features(silent)).all())


def test_an_utterance_has_the_same_bits_in_any_batch() -> None:
    waves = torch.stack([word(0.3 + 0.05 * n, seed=n) for n in range(8)])
    together = keyword_features(waves)
    assert torch.equal(keyword_features(waves.flip(0)), together.flip(0))
    assert all(torch.equal(keyword_features(waves[n : n + 1])[0], together[n]) for n in range(8))


def test_no_utterances_give_no_features() -> None:
    assert keyword_features(torch.zeros(0, RATE_HZ)).shape == (0, 49, 40)


def test_short_and_long_waves_become_one_second() -> None:
    short = fit_to_clip(torch.ones(1_000))
    assert short.shape == (RATE_HZ,)
    assert float(short.sum()) == 1_000
    assert float(short[7_500:8_500].sum()) == 1_000
    long = torch.zeros(5 * RATE_HZ)
    long[50_000:52_000] = 1
    assert float(fit_to_clip(long).sum()) == 2_000
