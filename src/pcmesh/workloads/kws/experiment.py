"""Keyword spotting end to end: software against chip instances, on one set of utterances."""

from __future__ import annotations

from typing import Any

import torch

from pcmesh.deployed import CalibrationKind, Chip, bring_up
from pcmesh.evaluation.accuracy import accuracy
from pcmesh.evaluation.mac import MacError
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.pulse import input_ticks
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.programming.quality import programming_quality
from pcmesh.workloads.kws.graph import INPUT, LAYERS
from pcmesh.workloads.kws.prepare import BATCH, KwsOptions, Prepared, Progress, prepare
from pcmesh.workloads.kws.result import ChipRun, DriftPoint, kws_result


def bring_up_chip(prepared: Prepared, number: int) -> Chip:
    """Return chip instance `number`, programmed and calibrated."""
    instance = Instance(prepared.options.seed, number)
    kind: CalibrationKind = "auto" if prepared.options.calibrated else "none"
    return bring_up(prepared.compiled, instance, {INPUT: prepared.calibration}, kind)


def recalibrated(prepared: Prepared, chip: Chip) -> Chip:
    """Return a chip with its bias rows written anew, at its age."""
    return chip.recalibrated({INPUT: prepared.calibration})


def spot(prepared: Prepared, chip: Chip) -> ChipRun:
    """Run all utterances through one chip."""
    engine = chip.engine()
    parts: list[dict[str, torch.Tensor]] = []
    ticks = input_ticks(prepared.inputs, prepared.full_scale, prepared.chip.timing)
    keys = noise_keys(chip.network.instance, prepared.speech.utterance_ids)
    for start in range(0, len(ticks), BATCH):
        part = slice(start, start + BATCH)
        parts.append({name: out[0] for name, out in engine.run({INPUT: ticks[part]}, keys[part]).items()})
    outputs = {name: torch.cat([part[name] for part in parts]) for name in LAYERS}
    mac = _mac_errors(prepared, chip, ticks, outputs)
    return ChipRun(outputs[LAYERS[-1]].argmax(1), mac, programming_quality(chip.network))


def _mac_errors(
    prepared: Prepared, chip: Chip, ticks: torch.Tensor, outputs: dict[str, torch.Tensor]
) -> dict[str, MacError]:
    """Compare each layer with the ideal product of the pulses that it got, in shares of the output range."""
    timing, graph = prepared.chip.timing, prepared.compiled.graph
    longest = timing.output_max_ns * TICKS_PER_NS
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
    drift: list[DriftPoint] = []
    for number in range(options.chips):
        progress("chips", number, options.chips)
        chip = bring_up_chip(prepared, number)
        aged = chip.aged(options.time_s)
        runs.append(spot(prepared, aged))
        if number == 0:
            drift = [drift_point(prepared, chip, time_s) for time_s in (0.0, *options.drift_times_s)]
    progress("chips", options.chips, options.chips)
    return kws_result(prepared, runs, drift)


def drift_point(prepared: Prepared, chip: Chip, time_s: float) -> DriftPoint:
    """Measure a chip's accuracy at an age, as it was calibrated and with its bias rows calibrated anew."""
    aged = chip.aged(time_s)
    labels = prepared.speech.labels
    before = accuracy(spot(prepared, aged).predicted, labels)
    fresh = before if time_s == 0 or not prepared.options.calibrated else None
    after = fresh if fresh is not None else accuracy(spot(prepared, recalibrated(prepared, aged)).predicted, labels)
    return DriftPoint(time_s, before, after)
