"""How a network does on the chip, beside software, on a task; at several ages, on several chips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pcmesh.analysis.batches import call, first_output, naming_batch
from pcmesh.analysis.judge import ACCURACY, Judge, on_chip
from pcmesh.analysis.ready import instance, ready
from pcmesh.analysis.task import Task
from pcmesh.checks import Count, checked
from pcmesh.deployed.model import ChipModel
from pcmesh.durations import seconds_of
from pcmesh.progress import Progress, quiet


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A comparison.

    Attributes:
        samples: samples evaluated.
        measure, better: what is told of them, and whether more or less of it is better.
        software, chip: that, in software and on the chip.
        error: standard deviation of chip minus software, as a share of the software outputs' own; None where the
            network gives no real numbers, and so below.
        same_choice: share of outputs whose largest entry is the same.
        software_accuracy, chip_accuracy: shares of right choices; None where there are no labels of classes.
    """

    samples: int
    measure: str
    better: str
    software: float
    chip: float
    error: float | None
    same_choice: float | None
    software_accuracy: float | None
    chip_accuracy: float | None

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True)
class AgePoint:
    """Chip instances at an age.

    Attributes:
        age_s: since calibration.
        chips: the comparison of each.
    """

    age_s: float
    chips: tuple[Evaluation, ...]

    @property
    def mean(self) -> float:
        """What the measure says of the chips, their mean."""
        return sum(one.chip for one in self.chips) / len(self.chips)


@dataclass(frozen=True)
class Compared:
    """A task with what software gives, for any number of chips to be held against.

    Attributes:
        judge: the data and how they are scored.
        outputs: of software, batch by batch.
    """

    judge: Judge
    outputs: tuple[Any, ...]

    @classmethod
    def of(cls, model: ChipModel, task: Task) -> Compared:
        """Run a task in software; InputError names batch and sample that do not fit the network."""
        batches, outputs = task.judged(), []
        for number, batch in enumerate(batches):
            with naming_batch(number):
                outputs.append(call(model.software, batch.inputs))
        return cls(Judge.of(batches, outputs, task.score), tuple(outputs))

    def with_chip(self, model: ChipModel) -> Evaluation:
        """Return the comparison with one chip."""
        got = []
        for number, batch in enumerate(self.judge.batches):
            with naming_batch(number):
                got.append(on_chip(model, batch))
        measure = self.judge.score
        software, chip = (measure.scores(outputs, self.judge.wanted) for outputs in (self.outputs, got))
        classes = measure is ACCURACY
        return Evaluation(
            samples=len(chip.right),
            measure=measure.name,
            better=measure.better,
            software=measure.shown(software.accuracy),
            chip=measure.shown(chip.accuracy),
            **_differences(self.outputs, got),
            software_accuracy=software.accuracy if classes else None,
            chip_accuracy=chip.accuracy if classes else None,
        )


@checked
def evaluate(model: ChipModel | nn.Module, task: Task | Iterable[Any]) -> Evaluation:
    """Run a task in software and on the chip.

    Args:
        model: the chip model; another module is compiled first, with the calibration data of the task.
        task: a `Task`; or batches: inputs as `example_inputs`, or pairs (inputs, labels); labels (B, ...) are classes
            of the last dimension of the first output.

    Raises:
        InputError: there are no batches, inputs do not fit the network, or labels are no classes of its output; batch
            and sample are named.
    """
    wanted = Task.of(task)
    chip = ready(model, wanted)
    return Compared.of(chip, wanted).with_chip(chip)


@checked
def evaluate_ages(
    model: ChipModel | nn.Module,
    task: Task | Iterable[Any],
    ages: Sequence[str | float] = ("0s",),
    *,
    chips: Count = 1,
    recalibrate: bool = False,
    report: Progress = quiet,
) -> tuple[AgePoint, ...]:
    """Run a task on chip instances at several ages; each chip is programmed once and ages.

    Args:
        model, task: as `evaluate`.
        ages: since calibration: `"1w"`, or seconds.
        chips: chip instances, the model's own first.
        recalibrate: whether the read-out is fitted anew at each age.
        report: is told the progress.
    """
    times = [seconds_of(age) for age in ages]
    wanted = Task.of(task)
    first = ready(model, wanted)
    compared, found = Compared.of(first, wanted), []
    for number in range(chips):
        report("chips", number, chips)
        chip = instance(first, number)
        aged = [chip if time_s == chip.age_s else chip.at(time_s) for time_s in times]
        found.append([compared.with_chip(one.recalibrate() if recalibrate else one) for one in aged])
    report("chips", chips, chips)
    return tuple(AgePoint(time_s, own) for time_s, own in zip(times, zip(*found, strict=True), strict=True))


def _differences(software: Sequence[Any], chip: Sequence[Any]) -> dict[str, float | None]:
    """Return how far outputs of real numbers are from each other; None where there are none."""
    if not any(isinstance(x, Tensor) and x.is_floating_point() for x in pytree.tree_leaves(software)):
        return {"error": None, "same_choice": None}
    flat = ([first_output(output) for output in outputs] for outputs in (software, chip))
    a, b = (torch.cat([part.detach().reshape(-1, part.shape[-1]) for part in parts]) for parts in flat)
    same = (a.argmax(-1) == b.argmax(-1)).double().mean()
    return {"error": float((b - a).std() / a.std().clamp(min=1e-30)), "same_choice": float(same)}
