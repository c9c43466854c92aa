"""How right a network is on a user's batches, sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from pcmesh.analysis.batches import Batch, first_output, naming_batch, software_output
from pcmesh.analysis.sensitivity.scores import Scores
from pcmesh.errors import InputError

Metric = Literal["accuracy", "agreement", "variance"]
"""Labels met; decisions of the float network met; share of its outputs' variance that is not error."""


@dataclass(frozen=True)
class OutputScores:
    """Scores of a network's first output.

    Attributes:
        inputs: what the network is called with, batch by batch.
        wanted: (B, ...) int64 classes of the last dimension, or (B, ...) outputs of the float network.
        metric: what is counted.
        mean: mean of the float network's outputs.
    """

    inputs: tuple[Any, ...]
    wanted: tuple[Tensor, ...]
    metric: Metric
    mean: float = 0.0

    @classmethod
    def of(cls, batches: Sequence[Batch], network: Callable[[Any], Any]) -> OutputScores:
        """Return scores against the labels; without labels, against the float network's decisions or outputs.

        Args:
            batches: the data.
            network: the float network, called with the inputs of a batch.

        Raises:
            InputError: some batches have labels and others none, or labels do not fit the output.
        """
        inputs = tuple(batch.inputs for batch in batches)
        outputs = tuple(_named(number, network(entry)) for number, entry in enumerate(inputs))
        labels = [batch.labels for batch in batches if batch.labels is not None]
        if labels:
            _check(labels, outputs)
            return cls(inputs, tuple(labels), "accuracy")
        if outputs[0].dim() > 1 and outputs[0].shape[-1] > 1:
            return cls(inputs, tuple(y.argmax(-1) for y in outputs), "agreement")
        mean = torch.cat([y.flatten() for y in outputs]).double().mean()
        if all(bool((y == mean).all()) for y in outputs):
            raise InputError("the network gives the same number for all samples", "Give other data, or labels")
        return cls(inputs, outputs, "variance", float(mean))

    def __call__(self, network: Callable[[Any], Any]) -> Scores:
        """Return the scores of a network that is called with the inputs of a batch."""
        right: list[float] = []
        possible: list[float] = []
        for inputs, wanted in zip(self.inputs, self.wanted, strict=True):
            got = first_output(network(inputs))
            if self.metric == "variance":
                spread, errors = (wanted - self.mean).double() ** 2, (got - wanted).double() ** 2
            else:
                spread = torch.ones(wanted.shape, dtype=torch.float64)
                errors = (got.argmax(-1) != wanted).double()
            by_sample = spread.reshape(len(wanted), -1).sum(1)
            right += (by_sample - errors.reshape(len(wanted), -1).sum(1)).tolist()
            possible += by_sample.tolist()
        return Scores(tuple(right), tuple(possible))


def _check(labels: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    if len(labels) != len(outputs):
        raise InputError("some batches have labels, others have none", "Give all of them labels, or none")
    for label, output in zip(labels, outputs, strict=True):
        if label.shape != output.shape[:-1]:
            raise InputError(
                f"labels of shape {tuple(label.shape)}, outputs of shape {tuple(output.shape)}",
                "Labels are classes of the output's last dimension: one for each of its other places",
            )


def _named(number: int, output: Any) -> Tensor:
    with naming_batch(number):
        return software_output(output)
