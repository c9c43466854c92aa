"""A user's data: batches of inputs, with labels where there are some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from pcmesh.errors import InputError


class Batch(NamedTuple):
    """Inputs as `example_inputs`; (B, ...) int64 labels, or what a measure takes instead; names of the samples."""

    inputs: Any
    labels: Any = None
    names: Sequence[str | int] | None = None


def batches_of(given: Iterable[Any], any_labels: bool = False) -> Iterator[Batch]:
    """Yield batches from inputs, pairs (inputs, labels), or `Batch`es.

    Args:
        given: those.
        any_labels: whether labels may be of any kind, as a measure of one's own takes them.

    Raises:
        InputError: inputs hold no tensor, or labels are not whole numbers.
    """
    for number, entry in enumerate(given):
        pair = isinstance(entry, Batch) or (isinstance(entry, list | tuple) and len(entry) == 2)
        batch = Batch(*entry) if pair else Batch(entry)
        tensors = [leaf for leaf in pytree.tree_leaves(batch.inputs) if isinstance(leaf, Tensor)]
        if not tensors:
            raise InputError(f"a batch is a {type(batch.inputs).__name__} without tensors", "Yield inputs as tensors")
        if all(leaf.numel() == 0 for leaf in tensors):
            shapes = ", ".join(str(tuple(leaf.shape)) for leaf in tensors)
            raise InputError(f"batch {number} holds no samples: {shapes}", "Yield batches with samples")
        yield batch if any_labels or batch.labels is None else batch._replace(labels=_classes(batch.labels, number))


def _classes(labels: Any, number: int) -> Tensor:
    found = _as_tensor(labels, number)
    if found.is_floating_point() or found.is_complex():
        raise InputError(
            f"labels are of type {found.dtype}",
            "Give numbers of classes, or leave them out: then the network's own output counts as right",
        )
    return found


def _as_tensor(labels: Any, number: int) -> Tensor:
    try:
        return torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"batch {number}: its labels are a {type(labels).__name__} ({error})", "Give numbers of classes"
        ) from error


def call(model: Any, inputs: Any) -> Any:
    """Return what a module gives for inputs: a tensor, a tuple of arguments or a mapping of keyword arguments."""
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, list | tuple) else model(inputs)


def first_output(output: Any) -> Tensor:
    """Return the first tensor of real numbers in what a network gives."""
    found = next((x for x in pytree.tree_leaves(output) if isinstance(x, Tensor) and x.is_floating_point()), None)
    if found is None:
        raise InputError(
            f"the network gives a {type(output).__name__} without a tensor of real numbers", "Return scores or values"
        )
    if found.dim() == 0 or found.numel() == 0:
        raise InputError(f"the network gives an output of shape {tuple(found.shape)}", "Give batches with samples")
    return found


def software_output(output: Any) -> Tensor:
    """Return the first tensor of real numbers in what a network gives in software.

    Raises:
        InputError: it holds NaN, or infinity above 0 (a mask's -inf is a score like any other); the sample is named.
    """
    found = first_output(output)
    wrong = (found.isnan() | found.isposinf()).reshape(len(found), -1).any(1)
    if bool(wrong.any()):
        raise InputError(
            f"sample {int(wrong.nonzero()[0, 0])}: the network itself gives NaN or infinity",
            "Leave the sample out, or mend the data",
        )
    return found


@contextmanager
def naming_batch(number: int) -> Iterator[None]:
    """Let an error say which batch of the data is wrong, counted from 0."""
    try:
        yield
    except InputError as error:
        raise InputError(f"batch {number}: {error.problem}", error.remedy) from error
