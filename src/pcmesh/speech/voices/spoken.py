"""Spoken sentences: engines that say them, and the rooms, noises and distances in which they are heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr
import torch

from pcmesh.random import numpy_generator, stream_key, torch_generator
from pcmesh.speech.audio import SAMPLE_RATE_HZ
from pcmesh.speech.front_ends.rnnt import SPLICE, STRIDE_SAMPLES
from pcmesh.speech.sentences import HeldOutSplit, held_out_sentences
from pcmesh.speech.voices.augmentation import coloured_noise, reverberate
from pcmesh.speech.voices.espeak import restart, speak
from pcmesh.speech.voices.synthesis import voices_of_split

Samples = npt.NDArray[np.float32]

_BLOCK_SAMPLES = SPLICE * STRIDE_SAMPLES
_QUIET = 10 ** (-50 / 20)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """How a sentence is heard.

    Attributes:
        speed: largest |ln| of the playing speed, which moves tempo, pitch and formants together.
        before_s: shortest and longest silence before the sentence.
        after_s: the same after it.
        level_db: lowest and highest peak against full scale.
        reverb_share: share of the sentences spoken in a room.
        noise_share: share with background noise.
        snr_db: lowest and highest signal-to-noise ratio.
    """

    speed: float = 0.08
    before_s: tuple[float, float] = (0.05, 0.4)
    after_s: tuple[float, float] = (0.2, 0.6)
    level_db: tuple[float, float] = (-26.0, -1.0)
    reverb_share: float = 0.15
    noise_share: float = 0.9
    snr_db: tuple[float, float] = (12.0, 45.0)


TEST_SURROUNDINGS = Surroundings(speed=0.0, reverb_share=0.0, noise_share=1.0, snr_db=(20.0, 45.0))
"""Of the held-out sentences: a quiet place with some noise."""


@dataclass(frozen=True)
class Spoken:
    """A sentence as it is heard.

    Attributes:
        text: what is said.
        voice: who says it.
        wave: float32 (N,), N a multiple of 480, in [-1, 1] at 16 kHz.
    """

    text: str
    voice: str
    wave: Samples


def say_with_espeak(text: str, voices: Sequence[str], generator: np.random.Generator) -> tuple[Samples, str]:
    """Say a text in one of espeak's voices at a random rate and pitch; return samples at 16 kHz and who spoke."""
    while True:
        voice = voices[int(generator.integers(len(voices)))]
        samples, rate_hz = speak(
            text,
            voice,
            words_per_minute=int(generator.integers(105, 190)),
            pitch=int(generator.integers(15, 85)),
            pitch_range=int(generator.integers(20, 80)),
        )
        wave = trim(at_16_khz(samples, rate_hz))
        if len(wave) >= SAMPLE_RATE_HZ // 4:  # some voices cannot say some texts
            return wave, f"espeak-ng {voice}"


def at_16_khz(samples: Samples, rate_hz: float) -> Samples:
    """Return samples of any rate (n,) at 16 kHz."""
    resampled: Samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ) if len(samples) else samples
    return resampled


def trim(wave: Samples) -> Samples:
    """Return a wave without what is quieter than -50 dB of its peak before and after."""
    loud = np.flatnonzero(np.abs(wave) > _QUIET * np.abs(wave).max(initial=0))
    return wave[loud[0] : loud[-1] + 1] if len(loud) else wave[:0]


def hear(wave: Samples, place: Surroundings, generator: np.random.Generator, noise: torch.Generator) -> Samples:
    """Return a sentence as it is heard, float32 (N,), N a multiple of 480 samples (30 ms).

    Args:
        wave: float32 (n,), the sentence alone, n > 0.
        place: the surroundings.
        generator: of the choices.
        noise: of rooms and noises.
    """
    if place.speed:
        wave = at_16_khz(wave, SAMPLE_RATE_HZ * np.exp(generator.uniform(-place.speed, place.speed)))
    before, after = (round(generator.uniform(*span) * SAMPLE_RATE_HZ) for span in (place.before_s, place.after_s))
    length = before + len(wave) + after
    heard = torch.zeros(1, length - length % _BLOCK_SAMPLES)
    kept = min(len(wave), heard.shape[1] - before)
    heard[0, before : before + kept] = torch.from_numpy(np.ascontiguousarray(wave[:kept]))
    if generator.random() < place.reverb_share:
        heard = reverberate(heard, noise)
    if generator.random() < place.noise_share:
        level = heard.square().mean().sqrt() * 10 ** (-generator.uniform(*place.snr_db) / 20)
        heard = heard + coloured_noise(1, heard.shape[1], noise) * level
    peak = 10 ** (generator.uniform(*place.level_db) / 20)
    return (heard[0] * (peak / heard.abs().max().clamp_min(1e-6))).numpy()


def held_out_speech(split: HeldOutSplit, count: int | None = None, seed: int = 0) -> list[Spoken]:
    """Return held-out sentences in held-out voices of espeak-ng: the same arguments give the same samples.

    Args:
        split: sentences and voices that training does not see.
        count: so many of the first; None: all.
        seed: of the stream `data`.
    """
    restart(stream_key(seed, "data", "sentences", split))
    generator = numpy_generator(seed, "data", "sentences", split)
    noise = torch_generator(seed, "data", "sentences' noise", split)
    voices = voices_of_split(split)
    found = []
    for text in held_out_sentences(split)[:count]:
        wave, voice = say_with_espeak(text, voices, generator)
        found.append(Spoken(text, voice, hear(wave, TEST_SURROUNDINGS, generator, noise)))
    return found
