"""The small RNN-T on chip instances: what it loses against software, chip by chip, in several ways to hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from pcmesh.analysis.word_errors import WordErrors, word_errors
from pcmesh.deployed import ChipModel
from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.files.cache import ResultCache
from pcmesh.hardware import ChipSpec
from pcmesh.programming.quality import PairQuality, overall, programming_quality
from pcmesh.progress import quiet
from pcmesh.speech.transcripts import to_text
from pcmesh.studies.laws.options import Setting
from pcmesh.workloads.rnnt.held_out import synthetic_utterances
from pcmesh.workloads.rnnt.listening.recognition import Recognised
from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.decisions import decisions, divergence
from pcmesh.workloads.rnnt.on_chip.recipe import LAYERS, compile_rnnt, products_of
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run
from pcmesh.workloads.rnnt.on_chip.speech import calibration_features, load_recordings
from pcmesh.workloads.rnnt.on_chip.store import Store


@dataclass(frozen=True, kw_only=True)
class SpeechArm:
    """How the network is held on the chips.

    Attributes:
        name: of this way.
        chip: a changed chip; None: the one that is looked at.
        options: product -> how it is mapped, where it is not as in the paper.
        layers: that are programmed; fewer than all are programmed without routes.
    """

    name: str
    chip: ChipSpec | None = None
    options: Mapping[str, ProductOptions] = field(default_factory=dict)
    layers: tuple[str, ...] = LAYERS


@dataclass(frozen=True)
class Condition:
    """What of a way is used: some layers, the others in software, at an age."""

    layers: tuple[str, ...] = LAYERS
    time_s: float = 0.0


@dataclass(frozen=True)
class Loss:
    """What one chip loses against software.

    Attributes:
        nats: divergence of its probabilities from software's at software's decisions, for each letter.
        words: word errors more than in software, as a share of the words.
    """

    nats: float
    words: float


@dataclass(frozen=True)
class Heard:
    """What software makes of the recordings: its letters, its log-probabilities, its word errors."""

    written: list[Recognised]
    probabilities: list[Tensor]
    errors: WordErrors


@dataclass
class SpeechChips:
    """The network on instances of a chip; each condition of each way is measured once and kept."""

    setting: Setting

    @cached_property
    def network(self) -> RnntNetwork:
        """The network that ships."""
        return load_speech_network(None)

    @cached_property
    def recordings(self) -> tuple[Recordings, tuple[str, ...]]:
        """Synthetic sentences that were held out, and what is said in them."""
        with synthetic_utterances(self.setting.options.sentences, self.setting.options.seed) as made:
            found = load_recordings([one.path for one in made], self.setting.report)
            return found, tuple(one.text for one in made)

    @cached_property
    def model(self) -> ChipModel:
        """The network on the first instance, as in the paper."""
        seed = self.setting.options.seed
        self.setting.report("RNN-T compiled", 0, 1)
        made = compile_rnnt(self.network, self.setting.chip, calibration_features(None, seed), seed=seed)
        self.setting.report("RNN-T compiled", 1, 1)
        return made

    @cached_property
    def heard(self) -> Heard:
        """The recordings in software."""
        recordings, said = self.recordings
        with _store() as store:
            software = Run(self.model, frozenset(), store)
            written = software.recognise(recordings, quiet)
            return Heard(written, decisions(software, recordings, written, quiet), _errors(said, written))

    @property
    def software_accuracy(self) -> float:
        """Share of the words that software gets right (1 - word error rate)."""
        return 1 - self.heard.errors.rate

    def losses(self, way: SpeechArm, conditions: Sequence[Condition]) -> list[list[Loss]]:
        """Return for each condition what each chip loses; a chip is programmed once for all of them."""
        kept, chips = self._kept(way), self.setting.options.chips
        for number in range(chips):
            self.setting.report(f"RNN-T {way.name}", number, chips)
            left = [one for one in conditions if kept.get(_key(one, number)) is None]
            if left:
                self._measure(way, left, number)
        self.setting.report(f"RNN-T {way.name}", chips, chips)
        return [[Loss(**kept.measured(_key(one, number))) for number in range(chips)] for one in conditions]

    def programming(self, way: SpeechArm) -> list[dict[str, float]]:
        """Return how well each chip is written: share of good weights, mean error, spread from 1 to 99 %."""
        kept, chips = self._kept(way), self.setting.options.chips
        for number in range(chips):
            if kept.get(f"programming {number}") is None:
                kept.put(f"programming {number}", _quality(self._on_chip(way, number)))
        return [kept.measured(f"programming {number}") for number in range(chips)]

    def _measure(self, way: SpeechArm, conditions: Sequence[Condition], number: int) -> None:
        (recordings, said), kept = self.recordings, self._kept(way)
        model = self._on_chip(way, number)
        if kept.get(f"programming {number}") is None:
            kept.put(f"programming {number}", _quality(model))
        with _store() as store:
            for one in conditions:
                run = Run(model.at(one.time_s), frozenset(one.layers), store)
                written = run.recognise(recordings, quiet)
                probabilities = decisions(run, recordings, self.heard.written, quiet)
                nats = divergence(probabilities, self.heard.probabilities, self.heard.written)
                words = _errors(said, written).rate - self.heard.errors.rate
                kept.put(_key(one, number), asdict(Loss(nats, words)))

    def _on_chip(self, way: SpeechArm, number: int) -> ChipModel:
        whole = way.layers == LAYERS
        if number == 0 and whole and way.chip is None and not way.options:
            return self.model
        only = None if whole else [product for layer in way.layers for product in products_of(layer)]
        return self.model.on(way.chip, number=number, options=dict(way.options), only=only)

    def _kept(self, way: SpeechArm) -> ResultCache:
        changed = None if way.chip is None else way.chip.model_dump(mode="json")
        options = {name: one.model_dump(mode="json") for name, one in way.options.items()}
        return self.setting.kept("RNN-T", changed, options, way.layers)


def _key(condition: Condition, number: int) -> str:
    return f"{' '.join(condition.layers)} after {condition.time_s:g} s on chip {number}"


def _errors(said: Sequence[str], written: Sequence[Recognised]) -> WordErrors:
    return word_errors(said, [to_text(one.labels) for one in written])


def _quality(model: ChipModel) -> dict[str, float]:
    pairs: tuple[PairQuality, ...] = programming_quality(model.side.chip.network, beyond_max_w=True)
    good, mean = overall(pairs)
    spreads = sorted(pair.spread_1_99 for pair in pairs)
    return {"yield": good, "mean_error": mean, "spread": spreads[len(spreads) // 2]}


@contextmanager
def _store() -> Iterator[Store]:
    """Yield a place for intermediate results that exists until the block is left."""
    with TemporaryDirectory(prefix="pcmesh-") as folder:
        yield Store(Path(folder))
