"""A user's data: batches of inputs, with labels where there are some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.utils import _pytree as pytree

from pcmesh.deployed.user_code import user_value
from pcmesh.errors import InputError

LABELS = "labels"
_SIZE = 256


class Batch(NamedTuple):
    """Inputs as `example_inputs`, and (B, ...) int64 labels, or None."""

    inputs: Any
    labels: Tensor | None = None


def batches_of(given: Iterable[Any]) -> Iterator[Batch]:
    """Yield batches from inputs or pairs (inputs, labels).

    Raises:
        InputError: inputs hold no tensor, or labels are not whole numbers.
    """
    for number, entry in enumerate(given):
        inputs, labels = entry if isinstance(entry, list | tuple) and len(entry) == 2 else (entry, None)
        tensors = [leaf for leaf in pytree.tree_leaves(inputs) if isinstance(leaf, Tensor)]
        if not tensors:
            raise InputError(f"a batch is a {type(inputs).__name__} without tensors", "Yield inputs as tensors")
        if all(leaf.numel() == 0 for leaf in tensors):
            shapes = ", ".join(str(tuple(leaf.shape)) for leaf in tensors)
            raise InputError(f"batch {number} holds no samples: {shapes}", "Yield batches with samples")
        if labels is not None:
            labels = _as_tensor(labels, number)
            if labels.is_floating_point() or labels.is_complex():
                raise InputError(
                    f"labels are of type {labels.dtype}", "Give numbers of classes, or leave them out: then the "
                    "network's own output counts as right"
                )  # fmt: skip
        yield Batch(inputs, labels)


def _as_tensor(labels: Any, number: int) -> Tensor:
    try:
        return torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"batch {number}: its labels are a {type(labels).__name__} ({error})", "Give numbers of classes"
        ) from error


def user_batches(reference: str, part: Literal["calibration", "task"] = "task") -> list[Batch]:
    """Return the batches that `FILE.py:FUNCTION` or a workload yields, or those of a safetensors file.

    Args:
        reference: a function that yields inputs or pairs (inputs, labels); or a file with the tensors `inputs` and, if
            there are some, `labels`, both samples first. Tensors of other names are keyword arguments.
        part: which batches of a workload.

    Raises:
        InputError: there is no such function or file, or it has no batches.
    """
    if reference.endswith(".safetensors"):
        found = _of_file(Path(reference))
    else:
        value = user_value(reference, part)
        try:
            found = list(batches_of([value] if isinstance(value, Tensor | tuple | Mapping) else value))
        except TypeError as error:
            raise InputError(f"{reference} gives a {type(value).__name__}", "Yield batches") from error
    if not found:
        raise InputError(f"{reference}: there are no batches", "Yield inputs, or pairs of inputs and labels")
    return found


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


def _of_file(path: Path) -> list[Batch]:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})", "Export it anew") from error
    labels = tensors.pop(LABELS, None)
    sizes = {name: len(x) if x.dim() else 0 for name, x in tensors.items()}
    if labels is not None:
        sizes[LABELS] = len(labels) if labels.dim() else 0
    if not tensors or len(set(sizes.values())) != 1 or 0 in sizes.values():
        raise InputError(f"{path}: holds {sizes or 'no inputs'}", "Store `inputs` and `labels` of as many samples")
    found: list[Batch] = []
    for start in range(0, next(iter(sizes.values())), _SIZE):
        part = {name: x[start : start + _SIZE] for name, x in tensors.items()}
        inputs = part["inputs"] if part.keys() == {"inputs"} else part
        found += batches_of([(inputs, None if labels is None else labels[start : start + _SIZE])])
    return found
