"""A task: what a network is judged by, and what it is calibrated with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from pcmesh.analysis.batches import Batch, batches_of
from pcmesh.analysis.scores import Scores
from pcmesh.errors import InputError

Data = Iterable[Any] | Callable[[], Iterable[Any]]
"""Batches, or a function without arguments that gives them."""

Count = Callable[[Any, Any], Tensor | tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Score:
    """How samples are scored: something counted in each of them, out of as many as there are.

    Attributes:
        name: for people: `accuracy`, `word error rate`.
        count: (the network's output, a batch's labels) -> what is counted of each sample (B,), or that and out of how
            many (B,); without, out of one. A function of a module, so that other processes find it.
        unit: what is counted, for people, in the singular: `word`.
        better: whether more of it is better, or less, as of errors.
    """

    name: str
    count: Count
    unit: str = "choice"
    better: Literal["higher", "lower"] = "higher"

    def scores(self, outputs: Iterable[Any], labels: Iterable[Any]) -> Scores:
        """Return what is right in each sample, out of how much; errors count as what they leave right.

        Args:
            outputs, labels: batch by batch.

        Raises:
            InputError: the function does not give a number for each sample.
        """
        right: list[float] = []
        possible: list[float] = []
        for output, wanted in zip(outputs, labels, strict=True):
            counted = self.count(output, wanted)
            some, of = counted if isinstance(counted, tuple) else (counted, torch.ones(len(counted)))
            if some.dim() != 1 or some.shape != of.shape:
                raise InputError(
                    f"the measure {self.name!r} gives {tuple(some.shape)} numbers out of {tuple(of.shape)}",
                    "Give a number for each sample of a batch",
                )
            some, of = some.double(), of.double()
            right += (some if self.better == "higher" else of - some).tolist()
            possible += of.tolist()
        return Scores(tuple(right), tuple(possible))

    def shown(self, accuracy: float) -> float:
        """Return a share of what is right as this measure tells it: of errors, what is left."""
        return accuracy if self.better == "higher" else 1 - accuracy


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a network is for: data that it is judged by, and how.

    Attributes:
        batches: inputs as `example_inputs`, pairs (inputs, labels), or triples with names of the samples, which then
            stand for their noise.
        calibration: batches of inputs to calibrate chips with; None: those of `batches`.
        probes: batches of inputs whose outputs are real numbers, for what needs more than scores, as the choice of a
            mapping; None: those of `batches`.
        score: how samples are scored. None: right choices where there are labels (classes of the last dimension of
            the first output), without them those of the network in float32, or the variance kept of a single number.
        data: what the data are, for people.
    """

    batches: Data
    calibration: Data | None = None
    probes: Data | None = None
    score: Score | None = None
    data: str = "your data"

    @classmethod
    def of(cls, given: Task | Iterable[Any]) -> Task:
        """Return a task; of mere batches one that is judged as `score` says of None."""
        return given if isinstance(given, Task) else cls(batches=given)

    def judged(self) -> tuple[Batch, ...]:
        """Return the batches that are judged.

        Raises:
            InputError: there are none, one holds no samples, or labels are not whole numbers.
        """
        found = tuple(batches_of(_listed(self.batches), any_labels=self.score is not None))
        if not found:
            raise InputError("there are no batches to evaluate", "Yield inputs, or pairs of inputs and labels")
        return found

    def calibrating(self) -> list[Any]:
        """Return the inputs of the batches to calibrate with; errors as `judged`."""
        return self._inputs(self.calibration)

    def probing(self) -> list[Any]:
        """Return the inputs of the batches with real numbers as outputs; errors as `judged`."""
        return self._inputs(self.probes)

    def first(self, samples: int) -> Task:
        """Return the same task with so many of its samples, the first ones."""
        probes = None if self.probes is None else _first(self.probes, samples)
        return replace(self, batches=_first(self.batches, samples), probes=probes)

    def _inputs(self, own: Data | None) -> list[Any]:
        if own is None:
            return [batch.inputs for batch in self.judged()]
        found = [batch.inputs for batch in batches_of(_listed(own))]
        if not found:
            raise InputError("there are no batches", "Yield inputs")
        return found


def _listed(data: Data) -> Iterable[Any]:
    return data() if callable(data) else data


def _first(data: Data, samples: int) -> Callable[[], Iterable[Any]]:
    def taken() -> Iterable[Any]:
        left = samples
        for batch in batches_of(_listed(data), any_labels=True):
            size = next(len(x) for x in pytree.tree_leaves(batch.inputs) if isinstance(x, Tensor) and x.dim())
            yield batch if size <= left else Batch(*(_cut(part, left) for part in batch))
            left -= size
            if left <= 0:
                return

    return taken


def _cut(part: Any, samples: int) -> Any:
    if isinstance(part, Tensor):
        return part[:samples] if part.dim() else part
    if isinstance(part, Mapping):
        return {name: _cut(value, samples) for name, value in part.items()}
    if isinstance(part, list | tuple):
        whole = all(not isinstance(entry, Tensor | Mapping | list | tuple) for entry in part)
        return type(part)(part[:samples] if whole else (_cut(entry, samples) for entry in part))
    return part if part is None or not isinstance(part, Iterable) else list(islice(part, samples))
