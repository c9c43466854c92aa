"""Example inputs: what is a batch in them, and one that is large enough to tell samples from one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils import _pytree as pytree

from pcmesh.errors import InputError


@dataclass(frozen=True)
class Examples:
    """Arguments of a network.

    Attributes:
        args, kwargs: as they are given to it.
        batch_dim: dimension of the samples in every batched tensor; None where there is no batch.
        size: samples.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    batch_dim: int | None
    size: int

    @classmethod
    def of(cls, given: Any, batch_dim: int | None = 0) -> Examples:
        """Return examples from a tensor, a tuple of arguments or a mapping of keyword arguments.

        Raises:
            InputError: there is no tensor, no tensor has that dimension, or there is a packed sequence.
        """
        args: tuple[Any, ...] = ()
        kwargs: Mapping[str, Any] = {}
        if isinstance(given, Mapping):
            kwargs = dict(given)
        elif isinstance(given, tuple | list) and not isinstance(given, PackedSequence):
            args = tuple(given)
        else:
            args = (given,)
        if any(isinstance(entry, PackedSequence) for entry in (given, *args, *kwargs.values())):
            raise InputError(
                "example_inputs hold a PackedSequence, which has no samples side by side",
                "Give padded inputs and their lengths, and call pack_padded_sequence in the network",
            )
        tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if not tensors:
            raise InputError("example_inputs hold no tensor", "Give what the network is called with")
        if batch_dim is None:
            return cls(args, kwargs, None, 1)
        first = next((t for t in tensors if t.dim() > batch_dim), None)
        if first is None:
            raise InputError(
                f"no example input has dimension {batch_dim}", "Name the samples' dimension with batch_dim, or None"
            )
        return cls(args, kwargs, batch_dim, int(first.shape[batch_dim]))

    def batched(self, leaf: Any) -> bool:
        """Return whether a leaf of the arguments holds the samples in its batch dimension."""
        if self.batch_dim is None or not isinstance(leaf, Tensor):
            return False
        return leaf.dim() > self.batch_dim and leaf.shape[self.batch_dim] == self.size

    def samples(self) -> list[Tensor]:
        """Return the batched tensors, the samples first; where there is no batch, all tensors as one sample."""
        leaves = pytree.tree_leaves((self.args, self.kwargs))
        if self.batch_dim is None:
            return [leaf[None] for leaf in leaves if isinstance(leaf, Tensor)]
        return [leaf.movedim(self.batch_dim, 0) for leaf in leaves if self.batched(leaf)]

    def apply(self, change: Any) -> Examples:
        """Return the examples with `change` applied to every batched tensor, the samples in their dimension."""
        moved = pytree.tree_map(
            lambda leaf: change(leaf) if self.batched(leaf) else leaf, (self.args, dict(self.kwargs))
        )
        return Examples.of_size(moved[0], moved[1], self.batch_dim)

    @classmethod
    def of_size(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any], batch_dim: int | None) -> Examples:
        """Return examples whose size is that of their first tensor."""
        made = cls.of((*args, *kwargs.values()), batch_dim)
        return cls(args, kwargs, batch_dim, made.size)

    def at_least_two(self) -> Examples:
        """Return the examples, doubled where there is but one sample (exporting takes a size of one as fixed)."""
        if self.batch_dim is None or self.size != 1:
            return self
        return self.apply(lambda leaf: torch.cat([leaf, leaf], dim=self.batch_dim or 0))

    def dynamic_shapes(self) -> tuple[Any, dict[str, Any]]:
        """Return what `torch.export` takes: the samples' dimension is free in every batched tensor."""

        def free(leaf: Any) -> Any:
            return {self.batch_dim: torch.export.Dim.AUTO} if self.batched(leaf) else None

        return pytree.tree_map(free, (self.args, dict(self.kwargs)))  # type: ignore[no-any-return]
