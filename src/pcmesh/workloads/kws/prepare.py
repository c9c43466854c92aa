"""What every keyword experiment shares: options, speech, calibration features, software and the compiled network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pcmesh.compiled import CompiledNetwork
from pcmesh.deployed import ChipModel, compile_model
from pcmesh.deployed.chip import CalibrationKind
from pcmesh.errors import ConfigurationError, InputError
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.mapping import Encoding
from pcmesh.progress import Progress
from pcmesh.speech.datasets import load_speech_commands
from pcmesh.speech.front_ends.keywords import keyword_features
from pcmesh.speech.types import SpeechSet, Split
from pcmesh.speech.voices.synthesis import synthesise_keywords
from pcmesh.workloads.kws.network import LAYERS, KeywordNetwork, load_keyword_network

CALIBRATION_INPUTS = 1000
SYNTHETIC_UTTERANCES = 600
BATCH = 500
DAY_S, WEEK_S, MONTH_S = 86_400.0, 604_800.0, 2_629_800.0


@dataclass(frozen=True, kw_only=True)
class KwsOptions:
    """What to run.

    Attributes:
        data: folder of Speech Commands, or None for synthetic speech of held-out voices.
        split: which part of the data is spotted.
        utterances: at most so many (None: all recordings, or 600 synthetic ones).
        chips: number of chip instances.
        seed: of everything random.
        time_s: time since programming and calibration, s.
        balanced: asymmetry balance (AB); False maps both pairs alike (4-PCM).
        calibrated: column slopes, bias rows and ReLU trim.
        weights: safetensors file, or None for the shipped network.
        chip: preset or TOML file.
        drift_times_s: times at which accuracy is measured too, without and with new bias rows, on the first chip.
    """

    data: Path | None = None
    split: Split = "test"
    utterances: int | None = None
    chips: int = 5
    seed: int = 0
    time_s: float = 0.0
    balanced: bool = True
    calibrated: bool = True
    weights: Path | None = None
    chip: str = "nature2023"
    drift_times_s: tuple[float, ...] = (DAY_S, WEEK_S, MONTH_S)

    @property
    def encoding(self) -> Encoding:
        """How all layers are mapped: the paper's way, or, for comparison, both pairs alike on the same tiles."""
        return Encoding.AB if self.balanced else Encoding.PCM4

    @property
    def columns(self) -> CalibrationKind:
        """How columns are calibrated."""
        return "auto" if self.calibrated else "none"


@dataclass(frozen=True)
class Prepared:
    """Words, and the keyword network in software and on the first chip instance.

    Attributes:
        options: what to run.
        network: in software.
        speech: the words.
        features: of the words, (B, 49, 40) float32.
        calibration_source: what calibrates, for people.
        model: the network on chip instance 0, pulses handed over from tile to tile.
        software: what the network says in software, (B,) int64.
    """

    options: KwsOptions
    network: KeywordNetwork
    speech: SpeechSet
    features: torch.Tensor
    calibration_source: str
    model: ChipModel
    software: torch.Tensor

    @property
    def chip(self) -> ChipSpec:
        """The kind of chip."""
        return self.model.program.chip

    @property
    def compiled(self) -> CompiledNetwork:
        """Its layers with routes and the controllers' programs."""
        compiled = self.model.program.compiled
        assert compiled is not None
        return compiled

    @property
    def inputs(self) -> torch.Tensor:
        """What goes into the first layer for each word, (B, 1024) float32."""
        return self.network.inputs(self.features)

    def on_chip(self, number: int) -> ChipModel:
        """Return the network on a chip instance, programmed and calibrated."""
        return self.model if number == self.model.instance.number else self.model.on(number=number)


def prepare(
    options: KwsOptions,
    progress: Progress,
    speech: SpeechSet | None = None,
    chip: ChipSpec | None = None,
    encoding: Encoding | None = None,
) -> Prepared:
    """Load or make speech, run the software network, and compile it for the chip.

    Args:
        options: what to run.
        progress: receives the stage.
        speech: words to take instead of those of the options.
        chip: another chip than the one that the options name.
        encoding: of all layers, instead of what the options say.

    Raises:
        InputError: no usable data or weights (named).
        ConfigurationError, CapacityError: the chip cannot hold the network.
    """
    if options.chips < 1:
        raise ConfigurationError(f"--chips {options.chips}: at least one chip is needed", "Give a number from 1 on")
    chip = load_chip(options.chip) if chip is None else chip
    network = load_keyword_network(options.weights)
    progress("speech", 0, 2)
    speech = words_of(options) if speech is None else speech
    features = features_of(speech)
    progress("speech", 1, 2)
    validation, source = calibration_words(options)
    model = compile_model(
        network,
        features_of(validation),
        chip,
        encoding=options.encoding if encoding is None else encoding,
        columns=options.columns,
        route=True,
        hand_over=True,
        seed=options.seed,
        name="kws",
    )
    progress("speech", 2, 2)
    with torch.no_grad():
        software = network(features).argmax(1)
    return Prepared(options, network, speech, features, source, model, software)


def remapped(prepared: Prepared, balanced: bool, calibrated: bool) -> Prepared:
    """Return the same words and network with another mapping, with calibrated chips or not."""
    options = replace(prepared.options, balanced=balanced, calibrated=calibrated)
    mapped = dict.fromkeys(LAYERS, options.encoding)
    return replace(prepared, options=options, model=prepared.model.on(options=mapped, columns=options.columns))


def words_of(options: KwsOptions) -> SpeechSet:
    """Return the words that are spotted: recordings, or synthetic ones; InputError names what cannot be used."""
    if options.utterances is not None and options.utterances < 1:
        raise InputError(f"--utterances {options.utterances}: at least one is needed", "Leave it out to take all")
    if options.data is None:
        return synthesise_keywords(options.utterances or SYNTHETIC_UTTERANCES, "test", options.seed)
    speech = load_speech_commands(options.data, options.split)
    return speech if options.utterances is None else speech.first(options.utterances)


def calibration_words(options: KwsOptions) -> tuple[SpeechSet, str]:
    """Return up to 1,000 validation utterances: recordings where the data has some, filled up with synthetic speech."""
    made = synthesise_keywords(CALIBRATION_INPUTS, "validation", options.seed)
    if options.data is None:
        return made, f"{CALIBRATION_INPUTS} synthetic"
    try:
        real = load_speech_commands(options.data, "validation").first(CALIBRATION_INPUTS)
    except InputError:  # a test-only layout has no validation part
        return made, f"{CALIBRATION_INPUTS} synthetic"
    rest = made.first(CALIBRATION_INPUTS - len(real)) if len(real) < CALIBRATION_INPUTS else None
    if rest is None:
        return real, f"{len(real)} real"
    joined = SpeechSet(
        waves=torch.cat([real.waves, rest.waves]),
        labels=torch.cat([real.labels, rest.labels]),
        utterance_ids=real.utterance_ids + rest.utterance_ids,
        class_names=real.class_names,
        kind=real.kind,
        source=f"{real.source}; {rest.source}",
    )
    return joined, f"{len(real)} real, {len(rest)} synthetic"


def features_of(speech: SpeechSet) -> torch.Tensor:
    """Return what the network takes for each utterance, (B, 49, 40) float32."""
    return torch.cat([keyword_features(part.waves) for part in speech.batches(BATCH)])
