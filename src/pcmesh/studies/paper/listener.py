"""An RNN-T with recordings: the published one on LibriSpeech, or the small one that ships on synthetic sentences.

Results of chip runs and points of the sensitivity are kept, so that a run cut off goes on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from pcmesh.analysis.sensitivity.curves import Sensitivity, sensitivity
from pcmesh.analysis.sensitivity.effective_bits import EffectiveBits, effective_bits
from pcmesh.analysis.sensitivity.ranking import rankings
from pcmesh.durations import SECONDS
from pcmesh.files.cache import ResultCache
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.hardware.variants import with_integration
from pcmesh.progress import Progress, quiet
from pcmesh.studies.paper.transducer_layers import (
    BITS,
    EXPANSION_BITS,
    FIRST,
    WITHOUT_JOINT,
    WordScores,
    chip_runs,
    expanded_groups,
    rnnt_groups,
    rnnt_layers,
)
from pcmesh.workloads.rnnt.compiled.published import HALF_INTEGRATION_NS
from pcmesh.workloads.rnnt.evaluate import choose_utterances
from pcmesh.workloads.rnnt.held_out import synthetic_utterances
from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.experiment import ChipOptions, evaluate_on_chip
from pcmesh.workloads.rnnt.on_chip.run import Recordings, network_digest
from pcmesh.workloads.rnnt.on_chip.speech import calibration_features, load_recordings

LONGEST_S = 15.0
WEEK_S = SECONDS["w"]
COARSE_BITS = (EXPANSION_BITS, 2.5)
EXPANDED_ROWS = 1024
NOMINAL_COPIES, FEWER_COPIES, SWEPT_ROWS = 4, (1, 2), (480, 1024)


@dataclass(frozen=True)
class CoarsePoint:
    """Accuracy (1 - WER) with a coarse Enc-LSTM0 on so many rows; the fewest are those of the features, as trained."""

    rows: int
    accuracy: float


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
    report: Progress = field(default=quiet)

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
        return self._sensitivity(rnnt_groups(self.network.widths), BITS)

    @cached_property
    def coarse_first_layer(self) -> tuple[float, float]:
        """Word error rates with Enc-LSTM0 at 3.5 bits: as trained, and expanded to 1,024 rows; percent."""
        expanded = list(expanded_groups(self.network.widths).items())[-1:]
        points = self._coarse(EXPANSION_BITS, dict(expanded))
        return 100 * (1 - points[0].accuracy), 100 * (1 - points[-1].accuracy)

    def coarse(self, bits: float) -> list[CoarsePoint]:
        """Return the accuracy with Enc-LSTM0 of so many bits, as trained and expanded to more and more rows."""
        return self._coarse(bits, expanded_groups(self.network.widths))

    def _coarse(self, bits: float, expanded: Any) -> list[CoarsePoint]:
        groups = {FIRST: rnnt_layers(self.network.widths)[FIRST], **expanded}
        found = self._sensitivity(groups, (bits,), enough=0.0)
        rows = [self.network.widths.features, *(int(name.split()[2]) for name in expanded)]
        return [CoarsePoint(n, curve.accuracies[0]) for n, curve in zip(rows, found.curves, strict=True)]

    def _sensitivity(self, groups: Any, bits: Sequence[float], enough: float = 0.5) -> Sensitivity:
        kept = ResultCache(self.work / "points", (*self._identity, self.recordings[1]))
        options: dict[str, Any] = {"cache": kept, "enough": enough, "report": self.report}
        return sensitivity(self.network, groups, self.scores, bits, **options)

    @cached_property
    def training(self) -> Sequence[Tensor]:
        """Features of the recordings that chips are calibrated on."""
        return calibration_features(None, self.seed)

    @cached_property
    def study(self) -> dict[str, Any]:
        """The chip run with each layer alone, then one more at a time; and the same chips a week later."""
        return self.on_chip(mode="each and cumulative", later_s=(WEEK_S,))

    @property
    def fresh(self) -> list[dict[str, Any]]:
        """The conditions of that run before the week; the last has all layers on the chips."""
        return [one for one in self.study["conditions"] if one["time_s"] == 0]

    @property
    def together(self) -> dict[str, Any]:
        """All layers on the chips."""
        return self.fresh[-1]

    @property
    def week_later(self) -> dict[str, Any]:
        """The same, a week later."""
        return next(one for one in self.study["conditions"] if one["time_s"] == WEEK_S)

    @property
    def expanded(self) -> dict[str, Any]:
        """All layers on the chips, Enc-LSTM0 with weight expansion."""
        found: dict[str, Any] = self.on_chip(expand=EXPANDED_ROWS)["conditions"][-1]
        return found

    @property
    def halved(self) -> dict[str, Any]:
        """All layers on the chips with half the integration time."""
        found: dict[str, Any] = self.on_chip(integration_ns=HALF_INTEGRATION_NS)["conditions"][-1]
        return found

    def first_layer(self, **options: Any) -> dict[str, Any]:
        """Return the chip run with Enc-LSTM0 alone; options as `ChipOptions`."""
        return self.on_chip(layers=(FIRST,), **options)

    @cached_property
    def effective_bits(self) -> EffectiveBits:
        """Bits that the chips' word errors are worth, with all layers on them."""
        return effective_bits(self.sensitivity.curve(WITHOUT_JOINT), chip_runs(self.study).accuracies)

    @cached_property
    def effective_bits_json(self) -> dict[str, Any]:
        """The same as plain data, with the accuracies."""
        return {"accuracy_per_chip": list(chip_runs(self.study).accuracies), **asdict(self.effective_bits)}

    @cached_property
    def ranking(self) -> list[dict[str, Any]]:
        """Which layers lose most alone, over the chips: in word errors and in log-probability."""
        return rankings(chip_runs(self.study).alone)

    def on_chip(self, *, integration_ns: int | None = None, **options: Any) -> dict[str, Any]:
        """Return the result of a chip run; options as `ChipOptions`, and another integration time."""
        chosen = ChipOptions(chips=self.chips, seed=self.seed, chip=self.chip, work=self.work, **options)
        spec = self._chip if integration_ns is None else with_integration(self._chip, integration_ns)
        key = repr((integration_ns, sorted(options.items())))
        kept: dict[str, Any] | None = self._runs.get(key)
        if kept is None:
            found, texts = self.recordings
            made = evaluate_on_chip(self.network, found, texts, self.training, chosen, self.report, spec)
            kept = json.loads(json.dumps(made))
            self._runs.put(key, kept)
        return kept

    @cached_property
    def _chip(self) -> ChipSpec:
        return load_chip(self.chip)

    @cached_property
    def _runs(self) -> ResultCache:
        return ResultCache(self.work / "chip-runs", (*self._identity, self._chip.model_dump(mode="json"), self.chips))

    @cached_property
    def _identity(self) -> tuple[Any, ...]:
        """What stands for the network, the recordings and the seed."""
        return network_digest(self.network), self.recordings[0].digest(), self.seed
