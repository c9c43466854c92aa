"""The word error rates that the model card states, each on speech that training did not hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pcmesh.analysis.word_errors import word_errors
from pcmesh.errors import InputError
from pcmesh.random import numpy_generator, torch_generator
from pcmesh.speech.audio import load_audio
from pcmesh.speech.corpora import MLPERF_LONGEST_S, list_utterances, no_longer_than
from pcmesh.speech.front_ends.rnnt import rnnt_features
from pcmesh.speech.sentences import HeldOutSplit, held_out_sentences
from pcmesh.speech.transcripts import to_text
from pcmesh.speech.voices.flite import speak_flite
from pcmesh.speech.voices.prompts import prompt_transcripts, read_prompt
from pcmesh.speech.voices.spoken import TEST_SURROUNDINGS, Samples, at_16_khz, hear, held_out_speech, trim
from pcmesh.workloads.rnnt.listening.recognition import recognise
from pcmesh.workloads.rnnt.network import RnntNetwork

HELD_OUT_FLITE_VOICE = "rms"
_FLITE_SENTENCES = 200

TestSpeech = list[tuple[str, Samples]]
"""What is said, and its samples at 16 kHz."""


@dataclass(frozen=True)
class Measured:
    """A word error rate (0 to 1) of a number of utterances and words of some kind of speech."""

    speech: str
    utterances: int
    words: int
    rate: float


def synthetic(split: HeldOutSplit = "test", count: int | None = None) -> TestSpeech:
    """Return held-out sentences in held-out voices of espeak-ng."""
    return [(one.text, one.wave) for one in held_out_speech(split, count)]


def another_speaker() -> TestSpeech:
    """Return held-out sentences by the voice of flite that training did not hear."""
    generator, noise = numpy_generator(0, "data", "flite"), torch_generator(0, "data", "flite's noise")
    return [
        (text, hear(trim(at_16_khz(*speak_flite(text, HELD_OUT_FLITE_VOICE))), TEST_SURROUNDINGS, generator, noise))
        for text in held_out_sentences("test")[:_FLITE_SENTENCES]
    ]


def prompts() -> TestSpeech:
    """Return the recorded prompts of the test split, at most 15 s long."""
    read = [(text, read_prompt(file)) for file, text in prompt_transcripts("test").items()]
    return [(text, wave) for text, wave in read if len(wave) <= MLPERF_LONGEST_S * 16_000]


def recordings(folder: Path) -> TestSpeech:
    """Return a folder of recordings with transcripts, at most 15 s long."""
    listed = no_longer_than(list_utterances(folder), MLPERF_LONGEST_S)
    return [(one.text, load_audio(one.path).numpy()) for one in listed]


def measure_all(network: RnntNetwork, recorded: Sequence[Path]) -> list[Measured]:
    """Return every word error rate that can be measured here; a source that is not installed is left out."""
    found = [
        measure(network, "synthetic: held-out sentences, held-out espeak-ng voices", synthetic()),
        measure(network, "synthetic: validation sentences, validation espeak-ng voices", synthetic("validation")),
    ]
    for name, read in (
        (f"synthetic: held-out sentences, flite's voice {HELD_OUT_FLITE_VOICE}", another_speaker),
        ("real: held-out Asterisk prompts, the speaker of the training prompts", prompts),
    ):
        try:
            speech = read()
        except InputError:
            continue
        found.append(measure(network, name, speech))
    return found + [measure(network, f"real: {folder.name}, at most 15 s", recordings(folder)) for folder in recorded]


def measure(network: RnntNetwork, name: str, speech: TestSpeech) -> Measured:
    """Return the word error rate on some speech."""
    texts = transcribe_waves(network, [wave for _, wave in speech])
    errors = word_errors([text for text, _ in speech], texts)
    return Measured(name, len(speech), errors.words, errors.rate)


def transcribe_waves(network: RnntNetwork, waves: Sequence[Samples]) -> list[str]:
    """Return what the network writes for each wave (N,) at 16 kHz, in order."""
    order = sorted(range(len(waves)), key=lambda index: len(waves[index]))
    found = recognise(network, [rnnt_features(torch.from_numpy(waves[index])) for index in order])
    texts = dict(zip(order, (to_text(one.labels) for one in found), strict=True))
    return [texts[index] for index in range(len(waves))]
