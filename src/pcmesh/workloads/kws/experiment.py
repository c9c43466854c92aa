"""Keyword spotting end to end: software against chip instances, on one set of utterances."""

from __future__ import annotations

from typing import Any

import torch

from pcmesh.analysis.accuracy import accuracy
from pcmesh.analysis.mac import MacError
from pcmesh.deployed import ChipModel
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.physics.pulse import input_ticks
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.programming.quality import programming_quality
from pcmesh.progress import Progress, quiet
from pcmesh.workloads.kws.network import LAYERS
from pcmesh.workloads.kws.prepare import BATCH, KwsOptions, Prepared, prepare
from pcmesh.workloads.kws.result import ChipRun, DriftPoint, kws_result


def spot(prepared: Prepared, model: ChipModel) -> ChipRun:
    """Run all utterances through one chip."""
    logits, errors = [], []
    ids = prepared.speech.utterance_ids
    for start in range(0, len(ids), BATCH):
        part = slice(start, start + BATCH)
        with model.samples(ids[part]):
            logits.append(model(prepared.features[part]))
        errors.append(_mac_errors(model, prepared.inputs[part], ids[part]))
    mac = {name: MacError.joined([error[name] for error in errors]) for name in LAYERS}
    return ChipRun(torch.cat(logits).argmax(1), mac, programming_quality(model.side.chip.network))


def _mac_errors(model: ChipModel, inputs: torch.Tensor, ids: tuple[str, ...]) -> dict[str, MacError]:
    """Compare each layer with the ideal product of the pulses that it got, in shares of the output range."""
    chip = model.side.chip
    graph, timing, ranges = chip.graph, chip.network.chip.timing, chip.calibration.ranges
    arriving = input_ticks(inputs, ranges[LAYERS[0]].input_full_scale, timing)
    pulses = {graph.layer(LAYERS[0]).input: arriving}
    outputs = chip.engine().run(pulses, noise_keys(chip.network.instance, ids))
    longest = timing.output_max_ns * TICKS_PER_NS
    found = {}
    for name in LAYERS:
        span = ranges[name]
        products = (arriving.float() * (span.input_full_scale / longest)) @ graph.weights[name]
        wanted = products / span.output_full_scale
        arriving = outputs[name][0]
        if span.linear:
            codes = arriving.float() * (timing.output_step_ns * TICKS_PER_NS / longest)
            found[name] = MacError(2 * codes - 1, wanted.clamp(-1, 1))
        else:
            found[name] = MacError(arriving.float() / longest, wanted.clamp(0, 1))
    return found


def run_kws(options: KwsOptions, progress: Progress = quiet) -> dict[str, Any]:
    """Run the experiment and return the result (`result.json`; its keys are described in docs/kws.md)."""
    prepared = prepare(options, progress)
    runs: list[ChipRun] = []
    drift: list[DriftPoint] = []
    for number in range(options.chips):
        progress("chips", number, options.chips)
        model = prepared.on_chip(number)
        runs.append(spot(prepared, model.at(options.time_s)))
        if number == 0:
            drift = [drift_point(prepared, model, time_s) for time_s in (0.0, *options.drift_times_s)]
    progress("chips", options.chips, options.chips)
    return kws_result(prepared, runs, drift)


def drift_point(prepared: Prepared, model: ChipModel, time_s: float) -> DriftPoint:
    """Measure a chip's accuracy at an age, as it was calibrated and with its bias rows calibrated anew."""
    aged = model.at(time_s)
    labels = prepared.speech.labels
    before = accuracy(spot(prepared, aged).predicted, labels)
    fresh = before if time_s == 0 or not prepared.options.calibrated else None
    after = fresh if fresh is not None else accuracy(spot(prepared, aged.recalibrate()).predicted, labels)
    return DriftPoint(time_s, before, after)
