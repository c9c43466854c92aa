"""The RNN-T by name: the network that ships, sentences to write down, and the passes and options of the paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pcmesh.analysis.batches import Batch
from pcmesh.analysis.task import Score, Task
from pcmesh.analysis.word_errors import word_errors
from pcmesh.analysis.workload import TaskOptions, Workload
from pcmesh.hardware import ChipSpec
from pcmesh.progress import quiet
from pcmesh.speech.front_ends.rnnt import rnnt_features
from pcmesh.speech.transcripts import ALPHABET, to_text
from pcmesh.speech.voices.spoken import held_out_speech
from pcmesh.workloads.rnnt.evaluate import choose_utterances
from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network
from pcmesh.workloads.rnnt.listening.transcriber import Transcriber, Written
from pcmesh.workloads.rnnt.on_chip.recipe import batches, rnnt_recipe, side_by_side
from pcmesh.workloads.rnnt.on_chip.run import Recordings
from pcmesh.workloads.rnnt.on_chip.speech import CALIBRATION_RECORDINGS, calibration_features, load_recordings

SENTENCES = 40
"""Of the task where no number is asked for: some 240 words."""

PROBES = 16
"""Sentences by which single matrices are compared: of the validation split, behind those of the calibration."""

LONGEST_S = 15.0
BLANK = len(ALPHABET)


def word_errors_of(written: Written, said: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return the word errors of each utterance, and its words."""
    texts = written_texts(written)
    found = [word_errors([text], [own]) for text, own in zip(said, texts, strict=True)]
    return torch.tensor([one.errors for one in found]), torch.tensor([one.words for one in found])


def written_texts(written: Written) -> list[str]:
    """Return what was written, as texts; places of no letter hold the blank, which is no letter of the alphabet."""
    return [to_text([label for label in row if label < BLANK]) for row in written.labels.tolist()]


WORD_ERRORS = Score(name="word error rate", count=word_errors_of, unit="word", better="lower")


def _network() -> nn.Module:
    return Transcriber(load_speech_network(None))


def _load(checkpoint: Path) -> nn.Module:
    return Transcriber(load_speech_network(checkpoint))


def _recipe(network: nn.Module, chip: ChipSpec) -> dict[str, Any]:
    assert isinstance(network, Transcriber)
    return rnnt_recipe(network.widths, chip)


def _task(asked: TaskOptions) -> Task:
    def judged() -> Iterator[Batch]:
        recordings, said = _recordings(asked)
        for block in recordings.blocks():
            inputs = side_by_side([recordings.features[n] for n in block])
            yield Batch(inputs, [said[n] for n in block], [recordings.names[n] for n in block])

    def calibration() -> Iterator[Batch]:
        yield from (Batch(inputs) for inputs in batches(calibration_features(None, asked.seed)))

    def probes() -> Iterator[Batch]:
        count = PROBES if asked.samples is None else min(PROBES, asked.samples)
        spoken = held_out_speech("validation", CALIBRATION_RECORDINGS + count, asked.seed)[CALIBRATION_RECORDINGS:]
        features, lengths = side_by_side([rnnt_features(torch.from_numpy(one.wave)) for one in spoken])
        written = _network()(features, lengths)
        yield Batch((features, lengths, (written.labels, written.frames)))

    kind = "synthetic sentences" if asked.recordings is None else "recorded utterances"
    return Task(batches=judged, calibration=calibration, probes=probes, score=WORD_ERRORS, data=kind)


def _recordings(asked: TaskOptions) -> tuple[Recordings, list[str]]:
    """Return what is heard, and what is said in it; named as `pcmesh rnnt evaluate` names it."""
    if asked.recordings is not None:
        chosen, _ = choose_utterances(asked.recordings, None, LONGEST_S, asked.samples)
        return load_recordings([one.path for one in chosen], quiet), [one.text for one in chosen]
    spoken = held_out_speech("test", asked.samples or SENTENCES, asked.seed)
    features = tuple(rnnt_features(torch.from_numpy(one.wave)) for one in spoken)
    names = tuple(f"synthetic-{number:04d}" for number in range(len(spoken)))
    return Recordings(names, features), [one.text for one in spoken]


RNNT = Workload(network=_network, task=_task, recipe=_recipe, load=_load, recordings=True)
