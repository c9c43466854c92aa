"""Recordings for the chip: those to recognise, and those to calibrate on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from pcmesh.files.cache import fingerprint
from pcmesh.hardware import load_chip
from pcmesh.progress import Progress
from pcmesh.speech.corpora import list_utterances
from pcmesh.speech.front_ends.rnnt import rnnt_features
from pcmesh.speech.sound_files import recording_s
from pcmesh.speech.voices.spoken import held_out_speech
from pcmesh.workloads.rnnt.listening.transcribe import Transcript, load_features
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.experiment import ChipOptions, compiled
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run, network_digest
from pcmesh.workloads.rnnt.on_chip.store import Store

CALIBRATION_RECORDINGS = 80
"""About 2,000 letters, and more frames than that: enough for 2,000 calibration frames of every layer."""


def calibration_features(folder: Path | None, seed: int) -> list[Tensor]:
    """Return the features of recordings to calibrate on: of a folder, or of synthetic sentences that no test has.

    Args:
        folder: in one of the layouts, the first recordings of it; None: synthetic speech of the validation split.
        seed: of the synthetic speech.

    Raises:
        InputError: the folder has no recordings, or one cannot be used.
    """
    if folder is not None:
        return [load_features(one.path) for one in list_utterances(folder)[:CALIBRATION_RECORDINGS]]
    spoken = held_out_speech("validation", CALIBRATION_RECORDINGS, seed)
    return [rnnt_features(torch.from_numpy(one.wave)) for one in spoken]


def load_recordings(paths: Sequence[Path], report: Progress) -> Recordings:
    """Return the features of recordings; the noise of each depends on its file's name.

    Raises:
        InputError: a recording cannot be read or is too short (named).
    """
    features = []
    for number, path in enumerate(paths):
        features.append(load_features(path))
        report("reading", number + 1, len(paths))
    return Recordings(tuple(path.stem for path in paths), tuple(features))


def transcribe_on_chip(
    network: RnntNetwork, paths: Sequence[Path], options: ChipOptions, training: Sequence[Tensor], report: Progress
) -> list[Transcript]:
    """Return the transcript of each recording as the first chip instance writes it; errors as `load_recordings`."""
    recordings = load_recordings(paths, report)
    model = compiled(network, load_chip(options.chip), training, options).at(options.time_s)
    store = Store(options.work / fingerprint(recordings.digest(), network_digest(network), repr(options)))
    found = Run(model, frozenset(options.layers), store).recognise(recordings, report)
    store.clear()
    return [Transcript(path, recording_s(path), one) for path, one in zip(paths, found, strict=True)]
