"""Making many recordings of one: other speakers, places, rooms, microphones and noises.

Shapes: B clips, N samples, T frames, F frequency bins. Every function takes its generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pcmesh.speech.audio import SAMPLE_RATE_HZ
from pcmesh.speech.front_ends.keywords import loudest_rms

_REVERB_SAMPLES = 6_400
_DECAY_60_DB = math.log(1_000)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How far a clip is taken from its original.

    Attributes:
        speed: largest |ln| of the playing speed, which moves tempo, pitch and formants together.
        wobble: standard deviation of the local change of speed within a word.
        shift_s: largest shift in time (paper: 0.1 s).
        formant: largest |ln| of the stretch of the frequency axis: another length of the vocal tract.
        equaliser_db: standard deviation of each of five smooth ripples of the frequency response.
        reverb_share: share of the clips played in a room (decay by 60 dB in 50 to 500 ms).
        noise_share: share of the clips with background noise (paper: 0.8).
        snr_db: lowest and highest signal-to-noise ratio against the loudest 300 ms.
    """

    speed: float = 0.22
    wobble: float = 0.06
    shift_s: float = 0.1
    formant: float = 0.14
    equaliser_db: float = 4.0
    reverb_share: float = 0.25
    noise_share: float = 0.8
    snr_db: tuple[float, float] = (3.0, 45.0)


def warp_time(waves_BN: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Return clips (B, N) at another, slowly changing speed and shifted; what leaves one end enters at the other."""
    count, samples = waves_BN.shape
    time_N = torch.arange(samples, dtype=torch.float64) / samples
    speed_B1 = torch.exp(_uniform((count, 1), -config.speed, config.speed, generator))
    position_BN = (time_N - 0.5) * speed_B1 + 0.5
    for cycles in (1, 2):
        size_B1 = torch.empty(count, 1, dtype=torch.float64).normal_(0, config.wobble, generator=generator)
        phase_B1 = _uniform((count, 1), 0, 2 * math.pi, generator)
        turn = 2 * math.pi * cycles
        position_BN += size_B1 / turn * (torch.sin(turn * time_N + phase_B1) - torch.sin(turn * 0.5 + phase_B1))
    shift_B1 = _uniform((count, 1), -config.shift_s, config.shift_s, generator) * (SAMPLE_RATE_HZ / samples)
    positions = ((position_BN - shift_B1) * samples).numpy()
    return torch.from_numpy(_read_at(waves_BN.numpy(), positions))


@numba.njit(cache=True)
def _read_at(waves: npt.NDArray[np.float32], positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Read each circular wave at fractional positions with Catmull-Rom's cubic."""
    result = np.empty(positions.shape, dtype=np.float32)
    samples = waves.shape[1]
    for row in range(positions.shape[0]):
        for column in range(positions.shape[1]):
            position = positions[row, column]
            whole = math.floor(position)
            part = np.float32(position - whole)
            i = int(whole) % samples
            a = waves[row, i - 1]
            b = waves[row, i]
            c = waves[row, (i + 1) % samples]
            d = waves[row, (i + 2) % samples]
            curve = 2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a)
            result[row, column] = b + np.float32(0.5) * part * (c - a + part * curve)
    return result


def reverberate(waves_BN: Tensor, generator: torch.Generator) -> Tensor:
    """Return clips (B, N) heard in random rooms: each with exponentially decaying noise as its impulse response."""
    count, samples = waves_BN.shape
    time_N = torch.arange(_REVERB_SAMPLES) / SAMPLE_RATE_HZ
    decay_B1 = _uniform((count, 1), 0.05, 0.5, generator).float()
    tail = torch.randn(count, _REVERB_SAMPLES, generator=generator) * torch.exp(-_DECAY_60_DB * time_N / decay_B1)
    tail *= _uniform((count, 1), 0.1, 0.9, generator).float() / tail.square().sum(1, keepdim=True).sqrt()
    tail[:, 0] = 1
    length = samples + _REVERB_SAMPLES
    heard: Tensor = torch.fft.irfft(torch.fft.rfft(waves_BN, n=length) * torch.fft.rfft(tail, n=length), n=length)
    return heard[:, :samples]


def add_noise(waves_BN: Tensor, noises: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Return clips (B, N) with background noise: half recorded (rows of `noises`, turned at random), half coloured."""
    count, samples = waves_BN.shape
    chosen = noises[torch.randint(len(noises), (count,), generator=generator)]
    turns = torch.randint(samples, (count,), generator=generator).tolist()
    recorded = torch.stack([torch.roll(noise, turn) for noise, turn in zip(chosen, turns, strict=True)])
    coloured = torch.rand(count, 1, generator=generator) < 0.5
    noise = torch.where(coloured, coloured_noise(count, samples, generator), _unit_rms(recorded))
    level = loudest_rms(waves_BN) * 10 ** (-_uniform((count, 1), *config.snr_db, generator).float() / 20)
    return waves_BN + noise * level * (torch.rand(count, 1, generator=generator) < config.noise_share)


def coloured_noise(count: int, samples: int, generator: torch.Generator) -> Tensor:
    """Return noise (count, samples) of unit RMS whose power falls with frequency^-a, a uniform from 0 to 2.4."""
    spectrum = torch.fft.rfft(torch.randn(count, samples, generator=generator))
    slope = _uniform((count, 1), 0, 1.2, generator).float()
    bins = torch.arange(spectrum.shape[1]).clamp_min(20).float()
    return _unit_rms(torch.fft.irfft(spectrum * torch.exp(-slope * torch.log(bins)), n=samples))


def warp_spectrum(magnitude_BTF: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Return magnitude spectra (B, T, F) of another vocal tract through another microphone."""
    count, frames, bins = magnitude_BTF.shape
    stretch_B1 = torch.exp(_uniform((count, 1), -config.formant, config.formant, generator)).float()
    place_BF = (torch.arange(bins) * stretch_B1).clamp_max(bins - 1.001)
    lower_BF = place_BF.long()
    part_B1F = (place_BF - lower_BF)[:, None]
    low = magnitude_BTF.gather(2, lower_BF[:, None].expand(count, frames, bins))
    high = magnitude_BTF.gather(2, (lower_BF + 1)[:, None].expand(count, frames, bins))
    return (low + part_B1F * (high - low)) * _equaliser(count, bins, config.equaliser_db, generator)[:, None]


def _equaliser(count: int, bins: int, sigma_db: float, generator: torch.Generator) -> Tensor:
    pitch_F = torch.log1p(torch.arange(bins) / 22.0) / math.log1p((bins - 1) / 22.0)
    ripples = torch.stack([torch.cos(math.pi * order * pitch_F) for order in range(1, 6)])
    sizes = torch.randn(count, 5, generator=generator) * sigma_db / torch.tensor([1.0, 1.0, 1.5, 2.0, 2.5])
    return torch.exp(sizes @ ripples * (math.log(10) / 20))


def _unit_rms(waves_BN: Tensor) -> Tensor:
    return waves_BN / waves_BN.square().mean(1, keepdim=True).sqrt().clamp_min(1e-5)


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.empty(shape, dtype=torch.float64).uniform_(low, high, generator=generator)
