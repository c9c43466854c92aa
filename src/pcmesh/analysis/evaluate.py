"""How a network does on the chip, beside software, on a user's batches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from pcmesh.analysis.batches import batches_of, call, first_output, naming_batch, software_output
from pcmesh.checks import checked
from pcmesh.deployed.model import ChipModel
from pcmesh.errors import InputError


@dataclass(frozen=True)
class Evaluation:
    """A comparison.

    Attributes:
        samples: samples evaluated.
        error: standard deviation of chip minus software, as a share of the software outputs' own.
        same_choice: share of outputs whose largest entry is the same.
        software_accuracy, chip_accuracy: shares of right choices; None where no labels were given.
    """

    samples: int
    error: float
    same_choice: float
    software_accuracy: float | None
    chip_accuracy: float | None

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@checked
def evaluate(model: ChipModel, batches: Iterable[Any]) -> Evaluation:
    """Run batches in software and on the chip.

    Args:
        model: the chip model.
        batches: inputs as `example_inputs`, or pairs (inputs, labels); labels (B, ...) are classes of the last
            dimension of the first output.

    Raises:
        InputError: there are no batches, inputs do not fit the network, or labels are no classes of its output; batch
            and sample are named.
    """
    wanted, got, labels, samples = [], [], [], 0
    for number, batch in enumerate(batches_of(batches)):
        with naming_batch(number):
            wanted.append(software_output(call(model.software, batch.inputs)))
            got.append(first_output(call(model, batch.inputs)))
            if batch.labels is not None:
                labels.append(_labels(batch.labels, wanted[-1]))
        samples += len(wanted[-1])
    if not wanted:
        raise InputError("there are no batches to evaluate", "Yield inputs, or pairs of inputs and labels")
    a, b = (torch.cat([part.reshape(-1, part.shape[-1]) for part in parts]) for parts in (wanted, got))
    same = (a.argmax(-1) == b.argmax(-1)).float().mean()
    right: list[float | None] = [None, None]
    if labels:
        target = torch.cat(labels)
        right = [float((x.argmax(-1) == target).float().mean()) for x in (a, b)]
    error = float((b - a).std() / a.std().clamp(min=1e-30))
    return Evaluation(samples, error, float(same), right[0], right[1])


def _labels(labels: Tensor, output: Tensor) -> Tensor:
    """Return labels as a vector, one for each choice among the last dimension of an output.

    Raises:
        InputError: there are more or fewer, or one is no class; the sample is named.
    """
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
    return flat
