"""Spoken sentences: repeatable, held-out voices only, heard as the surroundings say."""

from __future__ import annotations

import numpy as np
import torch

from pcmesh.random import numpy_generator
from pcmesh.speech.sentences import held_out_sentences
from pcmesh.speech.voices.spoken import Surroundings, hear, held_out_speech, trim
from pcmesh.speech.voices.synthesis import voices_of_split


def test_held_out_speech_repeats_and_fewer_are_the_first_of_more() -> None:
    more, fewer = held_out_speech("test", 6), held_out_speech("test", 3)
    for one, other in zip(more, fewer, strict=False):
        assert (one.text, one.voice) == (other.text, other.voice)
        np.testing.assert_array_equal(one.wave, other.wave)
    assert [one.text for one in more] == list(held_out_sentences("test")[:6])


def test_held_out_voices_are_never_in_training() -> None:
    training = set(voices_of_split("train"))
    voices = {one.voice.removeprefix("espeak-ng ") for one in held_out_speech("test", 20)}
    assert not voices & training
    assert voices <= set(voices_of_split("test"))


def test_hearing_sets_silence_level_and_noise() -> None:
    wave = np.sin(np.arange(16_000, dtype=np.float32))
    place = Surroundings(
        speed=0,
        before_s=(0.2, 0.2),
        after_s=(0.3, 0.3),
        level_db=(-6, -6),
        reverb_share=0,
        snr_db=(20, 20),
        noise_share=1,
    )
    heard = hear(wave, place, numpy_generator(0, "data"), torch.Generator().manual_seed(0))
    assert heard.dtype == np.float32
    assert len(heard) % 480 == 0
    assert abs(len(heard) / 16_000 - 1.5) < 0.03
    assert np.abs(heard).max() == np.float32(10 ** (-6 / 20))
    quiet, loud = heard[:3_000], heard[4_000:19_000]
    assert 15 < 20 * np.log10(loud.std() / quiet.std()) < 26


def test_trim_takes_silence_from_the_ends_alone() -> None:
    wave = np.zeros(100, dtype=np.float32)
    wave[[20, 50]] = 1.0
    assert len(trim(wave)) == 31
    assert len(trim(np.zeros(5, dtype=np.float32))) == 0
