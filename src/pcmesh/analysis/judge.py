"""How right a network is on a task, sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pcmesh.analysis.batches import Batch, call, first_output, naming_batch, software_output
from pcmesh.analysis.scores import Scores
from pcmesh.analysis.task import Score
from pcmesh.deployed.model import ChipModel
from pcmesh.errors import InputError


def _right(output: Any, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Count the choices among the last dimension of an output that are those of the labels."""
    got = first_output(output)
    right = (got.argmax(-1).reshape(len(got), -1) == labels.reshape(len(got), -1)).double().sum(1)
    return right, torch.full_like(right, labels.numel() // len(got))


def _kept(mean: float, output: Any, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Count the variance of the float network's outputs around their mean that is not error."""
    got = first_output(output)
    spread, errors = ((x.double() ** 2).reshape(len(got), -1).sum(1) for x in (wanted - mean, got - wanted))
    return spread - errors, spread


ACCURACY = Score(name="accuracy", count=_right)
AGREEMENT = Score(name="agreement", count=_right)
"""Choices that are those of the float network."""

VARIANCE = "variance"
"""Name of the measure of a single number: the share of the variance of the float network's outputs that is kept."""


@dataclass(frozen=True)
class Judge:
    """Scores what networks give for the batches of a task.

    Attributes:
        batches: the data.
        wanted: of each batch, what its outputs are held against: labels, or what the float network gives.
        score: how.
    """

    batches: tuple[Batch, ...]
    wanted: tuple[Any, ...]
    score: Score

    @classmethod
    def of(cls, batches: Sequence[Batch], outputs: Sequence[Any], score: Score | None = None) -> Judge:
        """Return what judges by a score; without one, by labels, the float network's choices or its outputs.

        Args:
            batches: the data.
            outputs: of the float network, batch by batch.
            score: of the task.

        Raises:
            InputError: some batches have labels and others none, labels do not fit the output, or it holds no numbers.
        """
        labels = tuple(batch.labels for batch in batches if batch.labels is not None)
        if labels and len(labels) != len(batches):
            raise InputError("some batches have labels, others have none", "Give all of them labels, or none")
        if score is not None:
            return cls(tuple(batches), labels or tuple(outputs), score)
        found = tuple(_named(number, output) for number, output in enumerate(outputs))
        if labels:
            for number, pair in enumerate(zip(labels, found, strict=True)):
                with naming_batch(number):
                    _check(*pair)
            return cls(tuple(batches), labels, ACCURACY)
        if found[0].dim() > 1 and found[0].shape[-1] > 1:
            return cls(tuple(batches), tuple(y.argmax(-1) for y in found), AGREEMENT)
        mean = torch.cat([y.flatten() for y in found]).double().mean()
        if all(bool((y == mean).all()) for y in found):
            raise InputError("the network gives the same number for all samples", "Give other data, or labels")
        return cls(tuple(batches), found, Score(name=VARIANCE, count=partial(_kept, float(mean)), unit="variance"))

    def __call__(self, network: Callable[[Any], Any]) -> Scores:
        """Return the scores of a network that is called with the inputs of a batch."""
        return self.score.scores((network(batch.inputs) for batch in self.batches), self.wanted)

    def of_chip(self, model: ChipModel) -> Scores:
        """Return the scores of a network on a chip."""
        return self.score.scores((on_chip(model, batch) for batch in self.batches), self.wanted)


def on_chip(model: ChipModel, batch: Batch) -> Any:
    """Return what a chip gives for a batch, its samples named where the batch names them."""
    if batch.names is None:
        return call(model, batch.inputs)
    with model.samples(batch.names):
        return call(model, batch.inputs)


def _check(labels: Tensor, output: Tensor) -> None:
    """Refuse labels that are not one for each choice among the last dimension, or no class; the sample is named."""
    choices, classes = output.numel() // max(output.shape[-1], 1), output.shape[-1]
    flat = labels.flatten()
    if len(flat) != choices:
        raise InputError(
            f"{len(flat)} labels {tuple(labels.shape)} for {choices} outputs {tuple(output.shape)}",
            "Give one label for each choice among the last dimension of the network's first output",
        )
    wrong = torch.nonzero((flat < 0) | (flat >= classes)).flatten()
    if len(wrong):
        first = int(wrong[0])
        raise InputError(
            f"label {int(flat[first])} of sample {first * len(output) // choices} is none of {classes} classes",
            f"Number the classes from 0 to {classes - 1}",
        )


def _named(number: int, output: Any) -> Tensor:
    with naming_batch(number):
        return software_output(output)
