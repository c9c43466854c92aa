"""What an experiment needs before any chip: options, speech, calibration inputs, software and compiled network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pcmesh.chip import ChipSpec, load_chip
from pcmesh.compiled import CompiledNetwork
from pcmesh.errors import ConfigurationError, InputError
from pcmesh.mapping import LayerOptions
from pcmesh.pipeline import compile_network
from pcmesh.speech.datasets import load_speech_commands
from pcmesh.speech.features import keyword_features
from pcmesh.speech.synthesis import synthesise_keywords
from pcmesh.speech.types import SpeechSet, Split
from pcmesh.workloads.kws.graph import INPUT, keyword_graph, keyword_options
from pcmesh.workloads.kws.network import KeywordNetwork, load_keyword_network

Progress = Callable[[str, int, int], None]

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


@dataclass(frozen=True)
class Prepared:
    """Everything that does not depend on the chip instance."""

    options: KwsOptions
    network: KeywordNetwork
    speech: SpeechSet
    inputs: torch.Tensor
    calibration: torch.Tensor
    calibration_source: str
    full_scale: float
    compiled: CompiledNetwork
    software: torch.Tensor

    @property
    def chip(self) -> ChipSpec:
        """The chip."""
        return self.compiled.chip


def prepare(
    options: KwsOptions,
    progress: Progress,
    speech: SpeechSet | None = None,
    chip: ChipSpec | None = None,
    mapped: Mapping[str, LayerOptions] | None = None,
) -> Prepared:
    """Load or make speech, run the software network, and compile it for the chip.

    Args:
        options: what to run.
        progress: is told the stage.
        speech: words to take instead of those of the options.
        chip: another chip than the one that the options name.
        mapped: how layers are mapped, instead of what the options say.

    Raises:
        InputError: no usable data or weights (named).
        ConfigurationError, CapacityError: the chip cannot hold the network.
    """
    if options.chips < 1:
        raise ConfigurationError(f"--chips {options.chips}: at least one chip is needed", "Give a number from 1 on")
    chip = load_chip(options.chip) if chip is None else chip
    network = load_keyword_network(options.weights)
    progress("speech", 0, 2)
    speech = _speech(options) if speech is None else speech
    inputs = network_inputs(network, speech)
    progress("speech", 1, 2)
    validation, source = _validation(options)
    calibration = network_inputs(network, validation)
    progress("speech", 2, 2)
    software = _software(network, inputs)
    chosen = keyword_options(options.balanced) if mapped is None else mapped
    compiled = compile_network(keyword_graph(network), chip, chosen, {INPUT: calibration})
    full_scale = float(calibration.abs().max())
    return Prepared(options, network, speech, inputs, calibration, source, full_scale, compiled, software)


def remapped(prepared: Prepared, balanced: bool, calibrated: bool) -> Prepared:
    """Return the same words and network with another mapping, with calibrated chips or not."""
    options = replace(prepared.options, balanced=balanced, calibrated=calibrated)
    mapped = keyword_options(balanced)
    compiled = compile_network(prepared.compiled.graph, prepared.chip, mapped, {INPUT: prepared.calibration})
    return replace(prepared, options=options, compiled=compiled)


def _speech(options: KwsOptions) -> SpeechSet:
    if options.utterances is not None and options.utterances < 1:
        raise InputError(f"--utterances {options.utterances}: at least one is needed", "Leave it out to take all")
    if options.data is None:
        return synthesise_keywords(options.utterances or SYNTHETIC_UTTERANCES, "test", options.seed)
    speech = load_speech_commands(options.data, options.split)
    return speech if options.utterances is None else speech.first(options.utterances)


def _validation(options: KwsOptions) -> tuple[SpeechSet, str]:
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


def network_inputs(network: KeywordNetwork, speech: SpeechSet) -> torch.Tensor:
    """Return what goes into the first layer for each utterance, (B, 1024) float32."""
    with torch.no_grad():
        return torch.cat([network.inputs(keyword_features(part.waves)) for part in speech.batches(BATCH)])


def _software(network: KeywordNetwork, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = network.layer2(torch.relu(network.layer1(torch.relu(network.layer0(inputs)))))
    return logits.argmax(1)
