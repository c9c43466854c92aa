"""Keyword spotting end to end: software against chip instances, on one set of utterances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from pcmesh.chip import ChipSpec, load_chip
from pcmesh.errors import ConfigurationError, InputError
from pcmesh.evaluation.accuracy import ISO_ACCURACY, accuracy, confusion, interval_95
from pcmesh.evaluation.mac import MacError
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.pulse import input_ticks
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.pipeline import CalibratedChip, CompiledNetwork, bring_up, compile_network
from pcmesh.programming.quality import PairQuality, overall, programming_quality
from pcmesh.speech.datasets import load_speech_commands
from pcmesh.speech.features import keyword_features
from pcmesh.speech.synthesis import synthesise_keywords
from pcmesh.speech.types import SpeechSet, Split
from pcmesh.versions import versions
from pcmesh.workloads.kws.graph import INPUT, LAYERS, keyword_graph, keyword_options
from pcmesh.workloads.kws.network import KeywordNetwork, load_keyword_network

Progress = Callable[[str, int, int], None]

CALIBRATION_INPUTS = 1000
BATCH = 500
SCATTER_POINTS = 1500
MAP_SIZE = 64
DAY_S, WEEK_S, MONTH_S = 86_400.0, 604_800.0, 2_592_000.0


@dataclass(frozen=True, kw_only=True)
class KwsOptions:
    """What to run.

    Attributes:
        data: folder of Speech Commands, or None for synthetic speech of held-out voices.
        split: which part of the data is spotted.
        utterances: at most so many (None: all; 600 of synthetic speech).
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


@dataclass(frozen=True)
class ChipRun:
    """One chip instance's outputs: predictions (B,) int64, MAC errors by layer, programming quality by pair."""

    predicted: torch.Tensor
    mac: dict[str, MacError]
    quality: tuple[PairQuality, ...] = field(default=())


def prepare(options: KwsOptions, progress: Progress) -> Prepared:
    """Load or make speech, run the software network, and compile it for the chip.

    Raises:
        InputError: no usable data or weights (named).
        ConfigurationError, CapacityError: the chip cannot hold the network.
    """
    if options.chips < 1:
        raise ConfigurationError(f"--chips {options.chips}: at least one chip is needed", "Give a number from 1 on")
    chip = load_chip(options.chip)
    network = load_keyword_network(options.weights)
    compiled = compile_network(keyword_graph(network), chip, keyword_options(options.balanced))
    progress("speech", 0, 2)
    speech = _speech(options)
    inputs = _network_inputs(network, speech)
    progress("speech", 1, 2)
    validation, source = _validation(options)
    calibration = _network_inputs(network, validation)
    progress("speech", 2, 2)
    software = _software(network, inputs)
    full_scale = float(calibration.abs().max())
    return Prepared(options, network, speech, inputs, calibration, source, full_scale, compiled, software)


def _speech(options: KwsOptions) -> SpeechSet:
    if options.utterances is not None and options.utterances < 1:
        raise InputError(f"--utterances {options.utterances}: at least one is needed", "Leave it out to take all")
    if options.data is None:
        return synthesise_keywords(options.utterances or 600, "test", options.seed)
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


def _network_inputs(network: KeywordNetwork, speech: SpeechSet) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([network.inputs(keyword_features(part.waves)) for part in speech.batches(BATCH)])


def _software(network: KeywordNetwork, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        hidden = torch.relu(network.layer1(torch.relu(network.layer0(inputs))))
        return network.layer2(hidden).argmax(1)


def bring_up_chip(prepared: Prepared, number: int) -> CalibratedChip:
    """Return chip instance `number`, programmed and calibrated."""
    instance = Instance(prepared.options.seed, number)
    return bring_up(prepared.compiled, instance, prepared.calibration, prepared.full_scale, prepared.options.calibrated)


def spot(prepared: Prepared, chip: CalibratedChip) -> ChipRun:
    """Run all utterances through one chip."""
    engine = chip.engine()
    parts: list[dict[str, torch.Tensor]] = []
    ticks = input_ticks(prepared.inputs, prepared.full_scale, prepared.chip.timing)
    keys = noise_keys(chip.network.instance, prepared.speech.utterance_ids)
    for start in range(0, len(ticks), BATCH):
        part = slice(start, start + BATCH)
        parts.append({name: out[0] for name, out in engine.run({INPUT: ticks[part]}, keys[part]).items()})
    outputs = {name: torch.cat([part[name] for part in parts]) for name in LAYERS}
    return ChipRun(outputs[LAYERS[-1]].argmax(1), _mac_errors(prepared, chip, ticks, outputs))


def _mac_errors(
    prepared: Prepared, chip: CalibratedChip, ticks: torch.Tensor, outputs: dict[str, torch.Tensor]
) -> dict[str, MacError]:
    """Compare each layer with the ideal product of the pulses that it got, in shares of the output range."""
    timing, graph = prepared.chip.timing, prepared.compiled.graph
    longest = timing.input_max_ns * TICKS_PER_NS
    found, arriving = {}, ticks
    for name in LAYERS:
        span = chip.calibration.ranges[name]
        products = (arriving.float() * (span.input_full_scale / longest)) @ graph.weights[name]
        wanted = products / span.output_full_scale
        if span.linear:
            codes = outputs[name].float() * (timing.output_step_ns * TICKS_PER_NS / longest)
            found[name] = MacError(2 * codes - 1, wanted.clamp(-1, 1))
        else:
            found[name] = MacError(outputs[name].float() / longest, wanted.clamp(0, 1))
        arriving = outputs[name]
    return found


def run_kws(options: KwsOptions, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Run the experiment and return the result (`result.json`; its keys are described in docs/kws.md)."""
    prepared = prepare(options, progress)
    runs: list[ChipRun] = []
    drift: list[dict[str, float]] = []
    for number in range(options.chips):
        progress("chips", number, options.chips)
        chip = bring_up_chip(prepared, number)
        aged = chip.aged(options.time_s)
        run = spot(prepared, aged)
        runs.append(ChipRun(run.predicted, run.mac, programming_quality(aged.network)))
        if number == 0:
            drift = [_drift_point(prepared, chip, time_s) for time_s in (0.0, *options.drift_times_s)]
    progress("chips", options.chips, options.chips)
    return _result(prepared, runs, drift)


def _drift_point(prepared: Prepared, chip: CalibratedChip, time_s: float) -> dict[str, float]:
    aged = chip.aged(time_s)
    labels = prepared.speech.labels
    before = accuracy(spot(prepared, aged).predicted, labels)
    fresh = before if time_s == 0 or not prepared.options.calibrated else None
    after = fresh if fresh is not None else accuracy(spot(prepared, aged.with_new_bias()).predicted, labels)
    return {"time_s": time_s, "accuracy": before, "accuracy_recalibrated": after}


def _result(prepared: Prepared, runs: list[ChipRun], drift: list[dict[str, float]]) -> dict[str, Any]:
    options, speech, labels = prepared.options, prepared.speech, prepared.speech.labels
    per_chip = [accuracy(run.predicted, labels) for run in runs]
    software = accuracy(prepared.software, labels)
    yields = [overall(run.quality) for run in runs]
    schedule = prepared.compiled.routing.chips[0]
    step_ns = prepared.chip.timing.step_ns
    low, high = interval_95(per_chip)
    return {
        "software_accuracy": software,
        "chip_accuracy": {"mean": sum(per_chip) / len(per_chip), "ci95": [low, high], "per_chip": per_chip},
        "iso_limit": ISO_ACCURACY * software,
        "n_utterances": len(speech),
        "data": {
            "kind": speech.kind,
            "source": speech.source,
            "split": options.split if options.data else "test",
            "calibration": prepared.calibration_source,
        },
        "frame_interval_ns": schedule.interval_steps * step_ns,
        "frame_steps": schedule.interval_steps,
        "latency_ns": len(schedule.steps) * step_ns,
        "tiles": len(prepared.compiled.mapping.tiles),
        "analog_yield": sum(y for y, _ in yields) / len(yields),
        "mean_weight_error": sum(e for _, e in yields) / len(yields),
        "layers": _layers(prepared, runs),
        "seed": options.seed,
        "time_since_programming_s": options.time_s,
        "versions": versions(),
        "configuration": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(options).items()},
        "chip": prepared.chip.model_dump(mode="json"),
        "figures": _figures(prepared, runs, drift),
    }


def _layers(prepared: Prepared, runs: list[ChipRun]) -> list[dict[str, Any]]:
    found = []
    for layer in prepared.compiled.mapping.layers:
        sigma = [run.mac[layer.layer].sigma for run in runs]
        correlation = [run.mac[layer.layer].correlation for run in runs]
        found.append(
            {
                "name": layer.layer,
                "rows": layer.rows,
                "columns": layer.columns,
                "encoding": str(layer.encoding),
                "tiles": sum(t.wp1.layer == layer.layer for t in prepared.compiled.mapping.tiles),
                "mac_sigma": sum(sigma) / len(sigma),
                "correlation": sum(correlation) / len(correlation),
            }
        )
    return found


def _figures(prepared: Prepared, runs: list[ChipRun], drift: list[dict[str, float]]) -> dict[str, Any]:
    names, labels, first = prepared.speech.class_names, prepared.speech.labels, runs[0]
    shares = torch.linspace(0, 1, 101)
    programming = []
    for pair in first.quality:
        block = torch.nn.functional.adaptive_avg_pool2d(pair.error[None], MAP_SIZE)[0]
        points = torch.quantile(pair.error.flatten(), shares)
        programming.append(
            {
                "tile": pair.tile,
                "layer": pair.layer,
                "pair": pair.pair,
                "error_map": [[round(float(v), 4) for v in row] for row in block],
                "cdf": {"error": [round(float(v), 4) for v in points], "share": [round(float(s), 2) for s in shares]},
                "spread_1_99": pair.spread_1_99,
            }
        )
    return {
        "class_names": list(names),
        "confusion_software": confusion(prepared.software, labels, len(names)),
        "confusion_chip": confusion(first.predicted, labels, len(names)),
        "scatter": {name: error.sample(SCATTER_POINTS) for name, error in first.mac.items()},
        "programming": programming,
        "drift": drift,
        "schedule": _schedule(prepared),
    }


def _schedule(prepared: Prepared) -> list[dict[str, Any]]:
    """Say in words what each tile does in each time step (paper: Fig. 3e)."""
    mapping, found = prepared.compiled.mapping, []
    for number, step in enumerate(prepared.compiled.routing.chips[0].steps, start=1):
        activities = []
        for done in step.integrations:
            pairs = "+".join(f"WP{pair}" for pair in done.phase.pairs)
            sign = "+" if done.phase.polarity > 0 else "-"
            activities.append(f"{mapping.tiles[done.tile].wp1.layer}: tile {done.tile} integrates {pairs} {sign}")
        for read in step.readouts:
            activities.append(f"{mapping.groups[read.group].layer}: read out, {read.activation}")
        found.append({"step": number, "activities": activities})
    return found
