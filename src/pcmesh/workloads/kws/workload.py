"""Keyword spotting by name: the shipped network, synthetic speech, and the options of the paper's mapping."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from pcmesh.deployed import Workload
from pcmesh.speech.voices.synthesis import synthesise_keywords
from pcmesh.workloads.kws.network import load_keyword_network
from pcmesh.workloads.kws.prepare import features_of

WORDS = 300
"""Of the task; `pcmesh kws` takes as many as are asked for, and recordings."""


def _network() -> nn.Module:
    return load_keyword_network(None)


def _calibration() -> Iterator[Tensor]:
    yield features_of(synthesise_keywords(WORDS, "validation", 0))


def _task() -> Iterator[tuple[Tensor, Tensor]]:
    words = synthesise_keywords(WORDS, "test", 0)
    yield features_of(words), words.labels


KWS = Workload(network=_network, calibration=_calibration, task=_task, recipe={"hand_over": True, "name": "kws"})
