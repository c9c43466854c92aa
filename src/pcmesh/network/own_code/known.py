"""Which tensors of a run of the network's own code depend on its weights alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils.weak import WeakTensorKeyDictionary

from pcmesh.network.exported.edges import place_of

Sources = tuple[str, ...]


class KnownWeights:
    """Weights by where they lie in memory, and what the network's code makes of them, in one run.

    Args:
        network: its parameters, buffers and other tensors that its modules hold are weights.
    """

    def __init__(self, network: nn.Module) -> None:
        self._names: dict[int, str] = {}
        self._held = list(_tensors_of(network))  # while the run takes, nothing else can have their places in memory
        for name, tensor in self._held:
            self._names.setdefault(place_of(tensor), name)
        self._names.pop(0, None)
        self._made: WeakTensorKeyDictionary = WeakTensorKeyDictionary()

    def sources(self, tensor: Tensor) -> Sources | None:
        """Return the names of what a tensor is made of: () if of nothing but numbers, None if of an input, too."""
        name = self._names.get(place_of(tensor))
        if tensor in self._made:
            return self._made[tensor]  # type: ignore[no-any-return]
        return None if name is None else (name,)

    def is_whole(self, tensor: Tensor) -> bool:
        """Return whether a tensor is, or is a view of, what a module holds."""
        return tensor not in self._made and place_of(tensor) in self._names

    def follow(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Remember what an operation makes of weights, or that it changes one."""
        sources = self._sources_of((*args, *kwargs.values()))
        random = torch.Tag.nondeterministic_seeded in func.tags
        written = _written(func, args, kwargs) if func._schema.is_mutable else ()
        for tensor in written:
            self._names.pop(place_of(tensor), None)
            if tensor in self._made:
                del self._made[tensor]
        if sources is None or random:
            return
        for leaf in pytree.tree_leaves(out):
            if isinstance(leaf, Tensor) and place_of(leaf) not in self._names:
                self._made[leaf] = sources

    def _sources_of(self, values: Sequence[Any]) -> Sources | None:
        found: dict[str, None] = {}
        for leaf in _tensors_in(values):
            own = self.sources(leaf)
            if own is None:
                return None
            found.update(dict.fromkeys(own))
        return tuple(found)


def _tensors_in(values: Sequence[Any]) -> Iterator[Tensor]:
    """Yield the tensors among an operation's arguments, those in lists too; several times faster than pytree."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors_in(value)


def _written(func: Any, args: Any, kwargs: Any) -> Iterator[Tensor]:
    for number, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[number] if number < len(args) else kwargs.get(argument.name)
            if isinstance(value, Tensor):
                yield value


def _tensors_of(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from network.named_parameters()
    yield from network.named_buffers()
    for prefix, module in network.named_modules():
        for name, value in vars(module).items():
            if not name.startswith("_"):
                for leaf in pytree.tree_leaves(value):
                    if isinstance(leaf, Tensor):
                        yield f"{prefix}.{name}".removeprefix("."), leaf
