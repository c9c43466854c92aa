"""Keyword spotting by name: the shipped network, words to spot, and the paper's mapping."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from pcmesh.analysis.batches import Batch
from pcmesh.analysis.task import Task
from pcmesh.analysis.workload import TaskOptions, Workload
from pcmesh.speech.types import SpeechSet
from pcmesh.workloads.kws.network import load_keyword_network
from pcmesh.workloads.kws.prepare import BATCH, KwsOptions, calibration_words, features_of, words_of


def _network() -> nn.Module:
    return load_keyword_network(None)


def _task(asked: TaskOptions) -> Task:
    """Return the words of `pcmesh kws` with the same options."""
    options = KwsOptions(data=asked.recordings, utterances=asked.samples, seed=asked.seed)

    def batches() -> Iterator[Batch]:
        yield from batches_of_words(words_of(options))

    def calibration() -> Iterator[Tensor]:
        yield features_of(calibration_words(options)[0])

    kind = "synthetic words" if asked.recordings is None else "recorded words"
    return Task(batches=batches, calibration=calibration, data=kind)


def batches_of_words(speech: SpeechSet) -> Iterator[Batch]:
    """Yield words as the network takes them, named so that their noise is that of `pcmesh kws`."""
    features = features_of(speech)
    for start in range(0, len(speech), BATCH):
        part = slice(start, start + BATCH)
        yield Batch(features[part], speech.labels[part], speech.utterance_ids[part])


KWS = Workload(
    network=_network,
    task=_task,
    recipe={"hand_over": True, "route": True, "name": "kws"},
    load=load_keyword_network,
    recordings=True,
)
