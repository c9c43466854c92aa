"""An RNN-T with recordings: the published one on LibriSpeech, or the small one that ships on synthetic sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from pcmesh.evaluation.sensitivity import Sensitivity, sensitivity
from pcmesh.workloads.rnnt.evaluate import choose_utterances
from pcmesh.workloads.rnnt.held_out import synthetic_utterances
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.experiment import ChipOptions, evaluate_on_chip
from pcmesh.workloads.rnnt.on_chip.run import Recordings
from pcmesh.workloads.rnnt.on_chip.speech import calibration_features, load_recordings
from pcmesh.workloads.rnnt.sensitivity import (
    BITS,
    EXPANSION_BITS,
    FIRST,
    WordScores,
    expanded_groups,
    rnnt_groups,
    rnnt_layers,
)
from pcmesh.workloads.rnnt.transcribe import load_speech_network

Report = Callable[[str, int, int], None]

QUICK_UTTERANCES, FULL_UTTERANCES = 100, 400
LONGEST_S = 15.0


@dataclass
class Listener:
    """One network and its recordings; everything is done when it is first asked for.

    Attributes:
        checkpoint, data: the network's file and the folder of recordings; None: the small network that ships, and
            held-out sentences in synthetic voices.
        utterances: only the first of them; None: all.
        chips: chip instances.
        seed: of everything random.
        chip: preset or TOML file.
        work: folder of intermediate results of chip runs.
        report: is told the progress.
    """

    checkpoint: Path | None
    data: Path | None
    utterances: int | None
    chips: int
    seed: int
    chip: str
    work: Path
    report: Report = field(default=lambda *_: None)

    @cached_property
    def network(self) -> RnntNetwork:
        """The network, in evaluation mode."""
        return load_speech_network(self.checkpoint)

    @cached_property
    def recordings(self) -> tuple[Recordings, tuple[str, ...]]:
        """Features, and what is said."""
        if self.data is None:
            with synthetic_utterances(self.utterances, self.seed) as made:
                found = load_recordings([one.path for one in made], self.report)
                return found, tuple(one.text for one in made)
        chosen, _ = choose_utterances(self.data, None, LONGEST_S, self.utterances)
        return load_recordings([one.path for one in chosen], self.report), tuple(one.text for one in chosen)

    @property
    def described(self) -> str:
        """Network and recordings, for notes."""
        count = len(self.recordings[1])
        speech = "synthetic sentences" if self.data is None else f"recordings of {self.data}"
        return f"{self.network.parameters_total:,} parameters, {count:,} {speech}"

    @cached_property
    def scores(self) -> WordScores:
        """Counts words right on the recordings."""
        found, texts = self.recordings
        return WordScores(found.features, texts)

    @cached_property
    def word_error_rate(self) -> float:
        """In software, percent."""
        return 100 * (1 - self.scores(self.network).accuracy)

    @cached_property
    def sensitivity(self) -> Sensitivity:
        """Word errors against bits, of all groups."""
        return sensitivity(self.network, rnnt_groups(self.network.widths), self.scores, BITS, report=self.report)

    @cached_property
    def coarse_first_layer(self) -> tuple[float, float]:
        """Word error rates with Enc-LSTM0 at 3.5 bits: as trained, and expanded to 1,024 rows; percent."""
        expanded = expanded_groups(self.network.widths)
        groups = {FIRST: rnnt_layers(self.network.widths)[FIRST], "expanded": list(expanded.values())[-1]}
        found = sensitivity(self.network, groups, self.scores, (EXPANSION_BITS,), enough=0.0, report=self.report)
        return tuple(100 * (1 - curve.accuracies[0]) for curve in found.curves)  # type: ignore[return-value]

    @cached_property
    def training(self) -> Sequence[Tensor]:
        """Features of the recordings that chips are calibrated on."""
        return calibration_features(None, self.seed)

    def on_chip(self, **options: Any) -> dict[str, Any]:
        """Return the result of a chip run; options as `ChipOptions`."""
        found, texts = self.recordings
        chosen = ChipOptions(chips=self.chips, seed=self.seed, chip=self.chip, work=self.work, **options)
        return evaluate_on_chip(self.network, found, texts, self.training, chosen, self.report)
