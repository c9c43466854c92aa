"""Spoken words without recordings: espeak-ng says them in hundreds of voices, in this process."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import numpy.typing as npt
import soxr
import torch

from pcmesh.errors import InputError
from pcmesh.random import numpy_generator, stream_key
from pcmesh.speech.audio import SAMPLE_RATE_HZ
from pcmesh.speech.front_ends.keywords import CLIP_SAMPLES, fit_to_clip
from pcmesh.speech.types import KEYWORD_CLASSES, SILENCE, UNKNOWN, SpeechSet
from pcmesh.speech.voices.espeak import english_voices, restart, speak

SynthesisSplit = Literal["train", "validation", "test"]

OTHER_WORDS = (
    *("backward", "bed", "bird", "cat", "dog", "eight", "five", "follow", "forward", "four", "happy", "house", "learn"),
    *("marvin", "nine", "one", "seven", "sheila", "six", "three", "tree", "two", "visual", "wow", "zero"),
)
"""The 25 words of Google Speech Commands that are no keywords."""

_SHORTEST_WORD_SAMPLES = 1_600
_MAX_SHIFT_SAMPLES = 1_600  # 100 ms, the paper's


def voices_of_split(split: SynthesisSplit) -> tuple[str, ...]:
    """Return the voices of a split: a speaker variant with all its accents is in one split only (80, 10, 10 %)."""

    def share(voice: str) -> int:
        return hashlib.sha1(voice.partition("+")[2].encode()).digest()[0] * 100 // 256

    ranges = {"train": range(0, 80), "validation": range(80, 90), "test": range(90, 100)}
    if split not in ranges:
        raise InputError(f"there are no synthetic voices for the split {split!r}", f"Choose one of {', '.join(ranges)}")
    return tuple(voice for voice in english_voices() if share(voice) in ranges[split])


def synthesise_keywords(count: int, split: SynthesisSplit = "test", seed: int = 0) -> SpeechSet:
    """Make utterances of the twelve classes, equally many of each, by voices that no other split has.

    Speed, pitch, intonation, level, place in the second and background noise are random; the same arguments give
    the same samples, and a smaller `count` gives the first of a larger one.

    Args:
        count: number of utterances.
        split: whose voices speak.
        seed: of the stream `data`.

    Raises:
        InputError: count < 1, or no such split.
    """
    if count < 1:
        raise InputError(f"{count} utterances asked for", "Ask for at least 1")
    voices = voices_of_split(split)
    restart(stream_key(seed, "data", "espeak", split))
    generator = numpy_generator(seed, "data", "synthesis", split)
    labels = torch.arange(count) % len(KEYWORD_CLASSES)
    waves = np.empty((count, CLIP_SAMPLES), dtype=np.float32)
    for wave, label in zip(waves, labels.tolist(), strict=True):
        wave[:] = _utterance(KEYWORD_CLASSES[label], voices, generator)
    return SpeechSet(
        waves=torch.from_numpy(waves),
        labels=labels,
        utterance_ids=tuple(f"synthetic/{split}/{seed}/{number}" for number in range(count)),
        class_names=KEYWORD_CLASSES,
        kind="synthetic",
        source=f"espeak-ng, {len(voices)} {split} voices, seed {seed}",
    )


def _utterance(label: str, voices: tuple[str, ...], generator: np.random.Generator) -> npt.NDArray[np.float32]:
    noise = _coloured_noise(generator)
    if label == SILENCE:
        return noise * np.float32(10 ** generator.uniform(-4, -1))
    word = OTHER_WORDS[generator.integers(len(OTHER_WORDS))] if label == UNKNOWN else label
    clip = np.roll(_say(word, voices, generator), generator.integers(-_MAX_SHIFT_SAMPLES, _MAX_SHIFT_SAMPLES + 1))
    clip = clip * np.float32(10 ** generator.uniform(-1.5, 0) / max(float(np.abs(clip).max()), 1e-3))
    word_rms = float(np.sqrt(np.square(clip).mean()))
    return clip + noise * np.float32(word_rms * 10 ** (-generator.uniform(10, 40) / 20))


def _say(word: str, voices: tuple[str, ...], generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return one second with the word in its middle, in the first of the drawn voices that can say it."""
    while True:
        samples, rate_hz = speak(
            word,
            voices[generator.integers(len(voices))],
            words_per_minute=int(generator.integers(110, 230)),
            pitch=int(generator.integers(10, 90)),
            pitch_range=int(generator.integers(20, 90)),
        )
        resampled = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ)
        if len(resampled) >= _SHORTEST_WORD_SAMPLES and float(np.abs(resampled).max()) > 0:
            clip: npt.NDArray[np.float32] = fit_to_clip(torch.from_numpy(resampled)).numpy()
            return clip


def _coloured_noise(generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return noise of unit RMS whose power falls with frequency^-a, a between 0 (white) and 2 (brown)."""
    spectrum = np.fft.rfft(generator.standard_normal(CLIP_SAMPLES, dtype=np.float32))
    spectrum *= np.maximum(np.arange(len(spectrum)), 20.0) ** (-generator.uniform(0, 1))
    noise = np.fft.irfft(spectrum, n=CLIP_SAMPLES)
    result: npt.NDArray[np.float32] = (noise / np.sqrt(np.square(noise).mean())).astype(np.float32)
    return result
