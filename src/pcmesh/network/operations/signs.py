"""Which values of a graph cannot be negative: their vectors need half of the integration steps.

A value counts as such only where the operations that make it prove it; where the proof rests on the type of an input
(booleans, unsigned integers), the product checks it again when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from pcmesh.network.operations.constants import Constants
from pcmesh.network.operations.records import OperationRecord

_UNSIGNED = (torch.bool, torch.uint8, torch.uint16, torch.uint32, torch.uint64)


def kind_of(node: fx.Node) -> str:
    """Return a node's operation without namespace and overload: 'linear' of aten.linear.default."""
    packet = getattr(node.target, "overloadpacket", None)
    return str(getattr(packet, "__name__", None) or getattr(node.target, "__name__", node.target))


class Signs:
    """Proves that values of a graph cannot be negative.

    Args:
        constants: evaluates what depends on weights alone.
        record_of: what is known of an operation.
    """

    def __init__(self, constants: Constants, record_of: Callable[[str], OperationRecord]) -> None:
        self.constants, self.record_of = constants, record_of
        self._known: dict[fx.Node, bool] = {}

    def nonnegative(self, value: Any) -> bool:
        """Return whether a node's value, a number, or every entry of a list can never be negative."""
        if isinstance(value, list | tuple):
            return all(self.nonnegative(entry) for entry in value)
        if not isinstance(value, fx.Node):
            return isinstance(value, int | float) and value >= 0
        if value not in self._known:
            self._known[value] = self._prove(value)
        return self._known[value]

    def take_over(self, node: fx.Node, replacement: fx.Node) -> None:
        """Let what stands in for a node have the sign that is proven of it."""
        self._known[replacement] = self.nonnegative(node)

    def _prove(self, node: fx.Node) -> bool:
        dtype = getattr(node.meta.get("val"), "dtype", None)
        if dtype in _UNSIGNED:
            return True
        if self.constants.is_constant(node):
            value = self.constants.value(node)
            return isinstance(value, Tensor) and not value.is_complex() and bool((value >= 0).all())
        if node.op != "call_function":
            return False
        record = self.record_of(kind_of(node))
        rounded = dtype is not None and not dtype.is_floating_point  # whole numbers with a sign wrap around
        if record.sign is None or (rounded and not record.whole_numbers):
            return False
        return record.sign(node, self.nonnegative)
