"""The keyword network on chip instances: what it spots and what it loses, chip by chip, mapped or trained otherwise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F

from pcmesh.analysis.accuracy import accuracy
from pcmesh.hardware import ChipSpec
from pcmesh.recipes.kws.pool import KeywordPool
from pcmesh.recipes.kws.recipe import KeywordRecipeConfig, train_keyword_network
from pcmesh.speech.types import KEYWORD_CLASSES, SpeechSet
from pcmesh.speech.voices.synthesis import synthesise_keywords
from pcmesh.studies.laws.options import Setting
from pcmesh.training import NoiseConfig
from pcmesh.workloads.kws.network import KeywordNetwork, load_keyword_network, save_keyword_network
from pcmesh.workloads.kws.prepare import KwsOptions, Prepared, features_of, prepare, remapped

TRAINING_WORDS, TRAINING_STEPS = 4000, 600


@dataclass(frozen=True)
class Spotted:
    """What one chip makes of the words.

    Attributes:
        accuracy: share of them that it spots.
        software: share that software spots.
        nats: cross-entropy of the true words, less that in software.
    """

    accuracy: float
    software: float
    nats: float


@dataclass
class KeywordChips:
    """The keyword network on instances of a chip; each arm is measured once and kept."""

    setting: Setting

    @cached_property
    def prepared(self) -> Prepared:
        """The network that ships, with asymmetry balance and calibration."""
        return prepare(self._options, self.setting.report, None, self.setting.chip)

    @property
    def words(self) -> SpeechSet:
        """Synthetic words in voices that no training has."""
        return self.prepared.speech

    def as_shipped(self) -> list[Spotted]:
        """Return what each chip spots."""
        return self._spotted("as shipped", lambda: self.prepared)

    def without_balance(self) -> list[Spotted]:
        """Return the same with both pairs alike, on the same tiles."""
        return self._spotted("without AB", lambda: remapped(self.prepared, False, True))

    def on(self, chip: ChipSpec, name: str, plain: bool = False) -> list[Spotted]:
        """Return what each chip of another kind spots.

        Args:
            chip: the kind of chip.
            name: of the measurement.
            plain: the network that was trained in the same way, but without the chip's noise.
        """
        with _weights(plain) as weights:
            return self._spotted(name, lambda: self._prepared(weights, chip))

    def trained_without_noise(self) -> list[Spotted]:
        """Return what each chip spots with the network that was trained in the same way, but without noise."""
        return self.on(self.setting.chip, "trained without noise", plain=True)

    def trained_with(self, noise: NoiseConfig) -> list[Spotted]:
        """Train the network on some synthetic words with this noise, and return what each chip spots then."""

        def made() -> Prepared:
            with TemporaryDirectory(prefix="pcmesh-") as folder:
                file = Path(folder) / "weights.safetensors"
                save_keyword_network(self._trained(noise, Path(folder) / "checkpoint.pt"), file)
                return self._prepared(file, self.setting.chip)

        return self._spotted(f"trained with {asdict(noise)}", made)

    @cached_property
    def pool(self) -> KeywordPool:
        """What `trained_with` trains on: synthetic words of the training voices, with their labels alone."""
        self.setting.report("training words", 0, 1)
        speech = synthesise_keywords(TRAINING_WORDS, "train", self.setting.options.seed)
        network = load_keyword_network()
        pixels = features_of(speech).flatten(1)[:, network.pixels].half()
        logits = F.one_hot(speech.labels, len(KEYWORD_CLASSES)).half()
        self.setting.report("training words", 1, 1)
        return KeywordPool(pixels=pixels, labels=speech.labels, logits=logits)

    def _trained(self, noise: NoiseConfig, checkpoint: Path) -> KeywordNetwork:
        config = KeywordRecipeConfig(
            steps=TRAINING_STEPS, noise=noise, teacher_share=0.0, average=0.98, seed=self.setting.options.seed
        )

        def told(step: int, *_: object) -> None:
            self.setting.report("training", step, TRAINING_STEPS)

        return train_keyword_network(config, self.pool, load_keyword_network().pixels, checkpoint, told)

    def _prepared(self, weights: Path, chip: ChipSpec) -> Prepared:
        speech = self.words if "prepared" in self.__dict__ else None
        return prepare(replace(self._options, weights=weights), self.setting.report, speech, chip)

    @property
    def _options(self) -> KwsOptions:
        options = self.setting.options
        return KwsOptions(utterances=options.words, chips=options.chips, seed=options.seed)

    def _spotted(self, name: str, made: Callable[[], Prepared]) -> list[Spotted]:
        kept, chips = self.setting.kept("keywords"), self.setting.options.chips
        prepared: Prepared | None = None
        for number in range(chips):
            self.setting.report(f"keywords {name[:24]}", number, chips)
            key = f"{name} on chip {number}"
            if kept.get(key) is None:
                prepared = made() if prepared is None else prepared
                kept.put(key, asdict(spotted(prepared, number)))
        self.setting.report(f"keywords {name[:24]}", chips, chips)
        return [Spotted(**kept.measured(f"{name} on chip {number}")) for number in range(chips)]


@torch.no_grad()
def spotted(prepared: Prepared, number: int) -> Spotted:
    """Return what one chip instance makes of the words."""
    model, labels = prepared.on_chip(number), prepared.speech.labels
    with model.samples(prepared.speech.utterance_ids):
        logits = model(prepared.features)
    software = prepared.network(prepared.features)
    nats = float(F.cross_entropy(logits, labels) - F.cross_entropy(software, labels))
    return Spotted(accuracy(logits.argmax(1), labels), accuracy(software.argmax(1), labels), nats)


def _weights(plain: bool) -> AbstractContextManager[Path]:
    folder = files("pcmesh.workloads.kws") / "weights"
    return as_file((folder / "plain" if plain else folder) / "kws.safetensors")
