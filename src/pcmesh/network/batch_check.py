"""A forgotten batch dimension: found by what the network makes of a part of its examples, and of the examples as one.

Samples of a batch do not see one another. Where the network gives other outputs for a part of them (or none), and the
same for all of them with one more dimension in front, that dimension is the batch, and the examples lack it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pcmesh.errors import InputError
from pcmesh.network.examples import Examples

_TOLERANCE = 1e-3
_PLACES = (0, 1)
"""Where PyTorch's own modules have their batch."""


def check_batch(network: nn.Module, examples: Examples) -> None:
    """Refuse examples without a dimension of samples, unless it is said that there is none.

    Raises:
        InputError: the remedy says which dimension is missing.
    """
    if examples.batch_dim is None:
        return
    whole = _outputs(network, examples.args, examples.kwargs)
    if not whole or _apart(network, examples, whole):
        return
    tensors = [leaf for leaf in pytree.tree_leaves((examples.args, dict(examples.kwargs))) if isinstance(leaf, Tensor)]
    for place in _PLACES:
        if any(leaf.dim() < place for leaf in tensors):
            continue
        if _same(_outputs(network, *_with_dimension(examples, place)), whole):
            shape = list(tensors[0].shape)
            shape.insert(place, 8)
            raise InputError(
                f"example_inputs of shape {tuple(tensors[0].shape)} are a single sample for the network: the "
                "dimension of the samples is missing",
                f"Give a batch, such as torch.randn{tuple(shape)}{_said(place)}, or batch_dim=None if there is none",
            )


def _with_dimension(examples: Examples, place: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with one more dimension, of one sample, in every tensor."""
    given = (examples.args, dict(examples.kwargs))
    added: tuple[tuple[Any, ...], dict[str, Any]] = pytree.tree_map(
        lambda leaf: leaf.unsqueeze(place) if isinstance(leaf, Tensor) else leaf, given
    )
    return added


def _said(place: int) -> str:
    return f" with batch_dim={place}" if place else ""


def _apart(network: nn.Module, examples: Examples, whole: list[Tensor]) -> bool:
    """Return whether the outputs of a part of the samples (of one: of two) are those of the whole batch."""
    size, dim = examples.size, examples.batch_dim or 0
    kept = max(1, size // 2)
    part = examples.apply(lambda leaf: leaf.narrow(dim, size - kept, kept))
    other = examples.at_least_two() if size == 1 else part
    found = _outputs(network, other.args, other.kwargs)
    small, large = (whole, found) if size == 1 else (found, whole)
    if len(found) != len(whole) or all(a.shape == b.shape for a, b in zip(small, large, strict=True)):
        return False
    return all(_ends_with(b, a) for a, b in zip(small, large, strict=True))


def _ends_with(large: Tensor, small: Tensor) -> bool:
    """Return whether a tensor is the last part of another, in every dimension in which it is smaller."""
    if large.dim() != small.dim():
        return False
    for dim, (whole, part) in enumerate(zip(large.shape, small.shape, strict=True)):
        if part > whole:
            return False
        large = large.narrow(dim, whole - part, part)
    return _close(large, small)


def _same(got: list[Tensor], whole: list[Tensor]) -> bool:
    """Return whether outputs are the same but for one more dimension."""
    if len(got) != len(whole):
        return False
    pairs = list(zip(got, whole, strict=True))
    return all(a.dim() == b.dim() + 1 and a.numel() == b.numel() and _close(a.reshape(b.shape), b) for a, b in pairs)


def _close(a: Tensor, b: Tensor) -> bool:
    numbers = b[b.isfinite()]
    largest = float(numbers.abs().max()) if numbers.numel() else 0.0
    return torch.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE * largest, equal_nan=True)


def _outputs(network: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """Return the outputs that are numbers; none where the network does not run."""
    try:
        with torch.no_grad():
            found = network(*args, **kwargs)
    except Exception:
        return []
    return [leaf for leaf in pytree.tree_leaves(found) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
