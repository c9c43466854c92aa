"""How well a network that ships does on a chip: the accuracy that goes with an energy (paper: Fig. 6b)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from pcmesh.analysis.accuracy import accuracy, interval_95
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding
from pcmesh.progress import Progress
from pcmesh.workloads.kws.experiment import spot
from pcmesh.workloads.kws.prepare import KwsOptions, prepare
from pcmesh.workloads.rnnt.held_out import synthetic_utterances
from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network
from pcmesh.workloads.rnnt.on_chip.experiment import ChipOptions, evaluate_on_chip
from pcmesh.workloads.rnnt.on_chip.speech import calibration_features, load_recordings

SENTENCES = 200


@dataclass(frozen=True)
class ChipAccuracy:
    """A network in software and on chip instances, on synthetic speech.

    Attributes:
        network: which.
        metric: `accuracy`, or `wer` (word error rate).
        data: what was heard.
        software: share.
        per_chip: share, of each instance.
    """

    network: str
    metric: Literal["accuracy", "wer"]
    data: str
    software: float
    per_chip: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain data with the mean and its 95 % interval over chips."""
        return {
            "network": self.network,
            "metric": self.metric,
            "data": self.data,
            "software": self.software,
            "mean": sum(self.per_chip) / len(self.per_chip),
            "ci95": list(interval_95(self.per_chip)),
            "per_chip": list(self.per_chip),
        }


def keyword_accuracy(
    chip: ChipSpec, encoding: Encoding | None, chips: int, seed: int, progress: Progress
) -> ChipAccuracy:
    """Spot synthetic words with the keyword network on instances of a chip.

    Args:
        chip: the chip.
        encoding: of all layers; None: the paper's choice.
        chips: instances.
        seed: of everything random.
        progress: is told the stage.
    """
    prepared = prepare(KwsOptions(chips=chips, seed=seed), progress, None, chip, encoding)
    labels, found = prepared.speech.labels, []
    for number in range(chips):
        progress("accuracy on chips", number, chips)
        found.append(accuracy(spot(prepared, prepared.on_chip(number)).predicted, labels))
    progress("accuracy on chips", chips, chips)
    words = f"{len(labels):,} synthetic words"
    return ChipAccuracy("kws", "accuracy", words, accuracy(prepared.software, labels), tuple(found))


def speech_accuracy(
    chip: ChipSpec,
    encoding: Encoding | None,
    expand: int | None,
    chips: int,
    seed: int,
    progress: Progress,
    sentences: int = SENTENCES,
) -> ChipAccuracy:
    """Transcribe synthetic sentences with the small RNN-T that ships on instances of a chip.

    Args:
        chip: the chip.
        encoding: of all layers; None: the paper's choice for each.
        expand: rows of the weight expansion of Enc-LSTM0 Wx; None: copies.
        chips: instances.
        seed: of everything random.
        progress: is told the stage.
        sentences: how many.
    """
    with synthetic_utterances(sentences, seed) as made, TemporaryDirectory() as work:
        recordings, said = load_recordings([one.path for one in made], progress), [one.text for one in made]
        options = ChipOptions(expand=expand, encoding=encoding, chips=chips, seed=seed, work=Path(work))
        training = calibration_features(None, seed)
        network = load_speech_network(None)
        result = evaluate_on_chip(network, recordings, said, training, options, progress, chip)
    rates = tuple(result["conditions"][-1]["wer"]["per_chip"])
    return ChipAccuracy("rnnt-small", "wer", f"{sentences:,} synthetic sentences", result["software"]["wer"], rates)
