"""Edges between operations: what each one takes from others, with everything left out that only passes values on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, fx
from torch.utils import _pytree as pytree
from torch.utils.weak import WeakTensorKeyDictionary

from pcmesh.errors import VerificationError
from pcmesh.network.operations.constants import Constants
from pcmesh.network.operations.signs import kind_of
from pcmesh.network.products import Operation


def gives_tensor(node: fx.Node) -> bool:
    """Return whether a node's value holds a tensor (sizes and guards are no operations)."""
    return any(isinstance(value, Tensor) for value in pytree.tree_leaves(node.meta.get("val")))


def graph_inputs(nodes: Iterable[fx.Node], constants: Constants) -> dict[fx.Node, tuple[str, ...]]:
    """Return the names of the operations whose results each node of a graph takes; `nodes` in order of execution."""
    seen_behind: dict[fx.Node, tuple[str, ...]] = {}
    inputs: dict[fx.Node, tuple[str, ...]] = {}
    for node in nodes:
        inputs[node] = _joined(seen_behind.get(source, ()) for source in node.all_input_nodes)
        if constants.is_constant(node) or not gives_tensor(node):
            seen_behind[node] = ()
        else:
            seen_behind[node] = inputs[node] if kind_of(node) == "getitem" else (node.name,)
    return inputs


class TensorMakers:
    """Which operation made each tensor of a run of the network's own code."""

    def __init__(self) -> None:
        self._made: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._written: dict[int, tuple[str, ...]] = {}  # place in memory -> what wrote to some of it

    def inputs(self, values: Any) -> tuple[str, ...]:
        """Return the operations that made the tensors in some arguments; none for weights and what the user gave.

        Those that wrote to a part of a tensor, through a view of it, are among them.
        """
        tensors = _tensors(values)
        makers = [self._made[tensor] for tensor in tensors if tensor in self._made]
        return tuple(dict.fromkeys((*makers, *_joined(self._written.get(place_of(t), ()) for t in tensors))))

    def note(self, operation: str, taken: Any, values: Any, writes: bool = False) -> None:
        """Remember that an operation made the tensors in a result of those that it took, or wrote to these."""
        before = {place_of(tensor) for tensor in _tensors(taken)}
        for tensor in _tensors(values):
            place = place_of(tensor)
            if writes and place:
                self._written[place] = (*self._written.get(place, ()), operation)
            elif place not in before:
                self._written.pop(place, None)  # memory of a tensor that is gone
            self._made[tensor] = operation


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(values) if isinstance(leaf, Tensor)]


def place_of(tensor: Tensor) -> int:
    """Return where a tensor lies in memory (0 where it has no such place)."""
    try:
        return int(tensor.untyped_storage().data_ptr())
    except (NotImplementedError, RuntimeError):
        return 0


def verify_edges(operations: Sequence[Operation]) -> None:
    """Check that names are unique and every operation stands behind those whose results it takes.

    Raises:
        VerificationError: naming the operation.
    """
    before: set[str] = set()
    for operation in operations:
        if operation.name in before:
            raise VerificationError(f"two operations are called {operation.name!r}")
        missing = [name for name in operation.inputs if name not in before]
        if missing:
            raise VerificationError(f"{operation.name} takes {missing[0]!r}, which is not made before it")
        before.add(operation.name)


def _joined(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in parts for name in part))
