from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from pcmesh.speech.front_ends.keywords import loudest_rms
from pcmesh.speech.voices.augmentation import (
    AugmentConfig,
    add_noise,
    coloured_noise,
    reverberate,
    warp_spectrum,
    warp_time,
)

STILL = AugmentConfig(speed=0, wobble=0, shift_s=0, formant=0, equaliser_db=0, reverb_share=0, noise_share=0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clips(count: int = 3) -> torch.Tensor:
    """Noise below 200 Hz, so that half a sample of shift changes little."""
    return torch.fft.irfft(torch.fft.rfft(torch.randn(count, 16_000, generator=generator(9)))[:, :200], n=16_000)


def test_no_warp_is_the_identity() -> None:
    torch.testing.assert_close(warp_time(clips(), STILL, generator()), clips(), rtol=0, atol=1e-6)
    magnitude = torch.rand(2, 49, 257, generator=generator())
    torch.testing.assert_close(warp_spectrum(magnitude, STILL, generator())[..., :-1], magnitude[..., :-1])


def test_a_shift_turns_the_clip() -> None:
    moved = warp_time(clips(1), replace(STILL, shift_s=0.1), generator())
    products = torch.fft.irfft(torch.fft.rfft(moved) * torch.fft.rfft(clips(1)).conj(), n=16_000)
    turn = int(products.argmax())
    assert min(turn, 16_000 - turn) <= 1_600
    torch.testing.assert_close(moved, torch.roll(clips(1), turn, dims=1), rtol=0, atol=0.02)


def test_speed_moves_the_pitch_within_its_limit() -> None:
    tone = torch.sin(2 * torch.pi * 1_000 * torch.arange(16_000) / 16_000)
    played = warp_time(tone.expand(20, -1), replace(STILL, speed=0.2), generator())
    peaks = torch.fft.rfft(played * torch.hann_window(16_000)).abs().argmax(1)
    assert float(peaks.max()) <= 1_000 * math.exp(0.2) + 2
    assert float(peaks.min()) >= 1_000 * math.exp(-0.2) - 2
    assert len(set(peaks.tolist())) > 10


def test_noise_has_the_wanted_level() -> None:
    config = replace(STILL, noise_share=1.0, snr_db=(10.0, 10.0))
    waves = clips(40)
    noise = add_noise(waves, torch.randn(4, 16_000, generator=generator()), config, generator()) - waves
    snr_db = 20 * torch.log10(loudest_rms(waves)[:, 0] / noise.square().mean(1).sqrt())
    torch.testing.assert_close(snr_db, torch.full((40,), 10.0), rtol=0, atol=0.01)


def test_noise_comes_to_the_wanted_share() -> None:
    config = replace(STILL, noise_share=0.8)
    waves = clips(500)
    noisy = (add_noise(waves, waves[:3], config, generator()) != waves).any(1).double().mean()
    # 500 draws of 0.8: sigma 0.018, so 0.09 is five sigma (odds of a false alarm below 1e-6)
    assert abs(float(noisy) - 0.8) < 0.09


def test_a_room_keeps_the_direct_sound() -> None:
    pulse = torch.zeros(4, 16_000)
    pulse[:, 100] = 1
    heard = reverberate(pulse, generator())
    torch.testing.assert_close(heard[:, 100], torch.ones(4), rtol=0, atol=1e-5)
    assert bool((heard[:, 101:].square().sum(1) > 0.005).all())
    assert bool((heard[:, 101:].square().sum(1) < 0.9).all())


def test_coloured_noise_has_unit_level() -> None:
    noise = coloured_noise(8, 16_000, generator())
    torch.testing.assert_close(noise.square().mean(1), torch.ones(8), rtol=1e-4, atol=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_generator_decides_everything(seed: int) -> None:
    before = torch.get_rng_state()
    first = add_noise(warp_time(clips(), AugmentConfig(), generator(seed)), clips(), AugmentConfig(), generator(seed))
    again = add_noise(warp_time(clips(), AugmentConfig(), generator(seed)), clips(), AugmentConfig(), generator(seed))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
