"""What each layer loses alone on chips, all others in software (paper: Fig. 5a)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from pcmesh.analysis.batches import call, first_output
from pcmesh.analysis.judge import ACCURACY, Judge, on_chip
from pcmesh.analysis.mapping_choice.losses import decision_error, output_error
from pcmesh.analysis.ready import instance
from pcmesh.analysis.task import Task
from pcmesh.deployed.model import ChipModel
from pcmesh.files.cache import ResultCache
from pcmesh.progress import Progress

Lost = dict[str, dict[str, list[float]]]
"""Measure -> layer -> what each chip loses against software."""


def losses_alone(
    model: ChipModel,
    task: Task,
    judge: Judge,
    layers: Mapping[str, Sequence[str]],
    chips: int,
    cache: ResultCache,
    report: Progress,
) -> Lost:
    """Return what chips lose against software with one layer alone on them, in two measures.

    A layer takes numbers and gives numbers: pulses and codes at both ends, its read-out fitted on the calibration data.
    Beside the task's measure stands one that varies less from chip to chip: the cross-entropy of the labels; without
    labels the divergence from software's decisions, or the power of the outputs' error, on the task's probes.

    Args:
        model: the network on the first chip instance, at the age that is asked for.
        task, judge: the data, and how they are scored.
        layers: name -> products.
        chips: instances.
        cache: keeps what a chip loses.
        report: is told the progress.
    """
    name, finer = _finer(model, task, judge)
    found: Lost = {judge.score.name: {}, name: {}}
    software, total = None, chips * len(layers)
    for number in range(chips):
        for place, (layer, products) in enumerate(layers.items()):
            report("layers alone", number * len(layers) + place, total)
            key = f"alone {layer} {number}"
            lost = cache.get(key)
            if lost is None:
                software = software or judge(lambda inputs: call(model.software, inputs))
                alone = instance(model, number, only=list(products))
                lost = [software.accuracy - judge.of_chip(alone).accuracy, finer(alone)]
                cache.put(key, lost)
            for measure, value in zip(found, lost, strict=True):
                found[measure].setdefault(layer, []).append(float(value))
    report("layers alone", total, total)
    return found


def _finer(model: ChipModel, task: Task, judge: Judge) -> tuple[str, Callable[[ChipModel], float]]:
    """Return the second measure: its name, and what gives the loss of a chip."""
    if judge.score is ACCURACY:
        labels = torch.cat([wanted.flatten() for wanted in judge.wanted])
        expected = _cross_entropy((call(model.software, batch.inputs) for batch in judge.batches), labels)
        return (
            "nats per choice",
            lambda chip: _cross_entropy((on_chip(chip, batch) for batch in judge.batches), labels) - expected,
        )
    probes = task.probing()
    outputs = [call(model.software, inputs) for inputs in probes]
    classes = first_output(outputs[0]).shape[-1] > 1
    name, loss = ("nats per decision", decision_error) if classes else ("error's power", output_error)

    def lost(chip: ChipModel) -> float:
        parts = [loss(call(chip, inputs), wanted) for inputs, wanted in zip(probes, outputs, strict=True)]
        return sum(parts) / len(parts)

    return name, lost


def _cross_entropy(outputs: Any, labels: torch.Tensor) -> float:
    logits = torch.cat([first_output(output).flatten(0, -2) for output in outputs])
    return float(F.cross_entropy(logits, labels))
