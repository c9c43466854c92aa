"""Copies of a network whose own code runs, one for each call at a time: what that code keeps is the call's own."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from pcmesh.network.layers import Packing


def follow_modules(network: nn.Module, place: list[str]) -> list[RemovableHandle]:
    """Keep the qualified names of the modules that are running in `place`, the innermost last; returns the hooks."""
    handles = []
    for name, module in network.named_modules():

        def enter(_module: nn.Module, _args: Any, name: str = name) -> None:
            place.append(name)

        def leave(_module: nn.Module, _args: Any, _output: Any) -> None:
            place.pop()

        handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    return handles


class Copy:
    """Modules that one call at a time runs: their parameters are the network's, all else is their own.

    Attributes:
        network: the copy.
        place: qualified names of the modules that are running, the innermost last.
        packing: whose rows the packed sequence of the last recurrent layer holds.
    """

    def __init__(self, network: nn.Module) -> None:
        self.place: list[str] = []
        self.packing: Packing | None = None
        self._origin = _tensors(network)
        self.network = copy.deepcopy(network, {id(tensor): tensor for tensor in _shared(network)})
        follow_modules(self.network, self.place)
        for module in self.network.modules():
            if isinstance(module, nn.RNNBase):
                module.register_forward_pre_hook(self._keep_order)

    def is_of(self, network: nn.Module) -> bool:
        """Return whether the network still has the tensors that it had when it was copied."""
        now = _tensors(network)
        return len(now) == len(self._origin) and all(a is b for a, b in zip(now, self._origin, strict=True))

    def _keep_order(self, _module: nn.Module, args: tuple[Any, ...]) -> None:
        """Remember whose rows a packed sequence holds: the operation itself is not told."""
        self.packing = None
        if args and isinstance(args[0], nn.utils.rnn.PackedSequence):
            active, order = args[0].batch_sizes.tolist(), args[0].sorted_indices
            self.packing = Packing(active, torch.arange(active[0]) if order is None else order)


class ModuleCopies:
    """As many copies of a network as there are calls at once; a call that runs alone always gets the same."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._free: list[Copy] = []

    @contextmanager
    def one(self) -> Iterator[Copy]:
        """Lend a copy to a call."""
        found = self._taken()
        found.place.clear()
        try:
            yield found
        finally:
            self._free.append(found)

    def _taken(self) -> Copy:
        while True:
            try:
                found = self._free.pop()  # atomic: no two threads get the same one
            except IndexError:
                return Copy(self._network)
            if found.is_of(self._network):
                return found

    def __deepcopy__(self, memo: dict[int, Any]) -> ModuleCopies:
        return ModuleCopies(copy.deepcopy(self._network, memo))

    def __getstate__(self) -> dict[str, Any]:
        return {"_network": self._network, "_free": []}


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


def _shared(network: nn.Module) -> list[Tensor]:
    """Return the parameters, and what was computed from them with gradients, which cannot be copied."""
    computed = [value for module in network.modules() for value in vars(module).values() if isinstance(value, Tensor)]
    return [*network.parameters(), *(value for value in computed if not value.is_leaf)]
