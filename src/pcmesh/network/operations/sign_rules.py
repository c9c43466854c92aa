"""Why a result cannot be negative: rules for records of operations (`OperationRecord.sign`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import fx

from pcmesh.network.operations.records import Proven

X = (0, "self", None)
"""The first argument, for `all_of`: position, name, default."""


def always(_node: fx.Node, _proven: Proven) -> bool:
    """Whatever its inputs are."""
    return True


def as_input(node: fx.Node, proven: Proven) -> bool:
    """Where its first argument is not negative."""
    return proven(node.args[0])


def argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    """Return an argument of a node, given by position or by name."""
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def all_of(*places: tuple[int, str, Any]) -> Callable[[fx.Node, Proven], bool]:
    """Return the rule of an operation whose result is not negative where these arguments are not."""
    return lambda node, proven: all(proven(argument(node, *place)) for place in places)


def any_of(*positions: int) -> Callable[[fx.Node, Proven], bool]:
    """Return the rule of an operation whose result is not negative where any of these arguments is not."""
    return lambda node, proven: any(proven(node.args[position]) for position in positions)


def product(node: fx.Node, proven: Proven) -> bool:
    """Where the factors are one value, or neither is negative."""
    x, y = node.args[0], argument(node, 1, "other")
    return x is y or (proven(x) and proven(y))


def power(node: fx.Node, proven: Proven) -> bool:
    """Where the base is not negative, or the exponent is an even number."""
    exponent = argument(node, 1, "exponent")
    return proven(node.args[0]) or (isinstance(exponent, int | float) and exponent % 2 == 0)


def clamp(low: Any, high: Any) -> Callable[[fx.Node, Proven], bool]:
    """Return the rule of clamping, with these limits by default (a lower limit above the upper one gives the upper)."""

    def rule(node: fx.Node, proven: Proven) -> bool:
        least = argument(node, 1, "min", node.kwargs.get("min_val", low))
        most = argument(node, 2, "max", node.kwargs.get("max_val", high))
        return (most is None or proven(most)) and (proven(node.args[0]) or (least is not None and proven(least)))

    return rule


def clamp_max(node: fx.Node, proven: Proven) -> bool:
    """Where neither the value nor its upper limit is negative."""
    return proven(node.args[0]) and proven(argument(node, 1, "max"))


def maximum(node: fx.Node, proven: Proven) -> bool:
    """Where one of the values is not negative."""
    others = [entry for entry in node.args[:2] if isinstance(entry, fx.Node)]
    return any(proven(entry) for entry in others)


def minimum(node: fx.Node, proven: Proven) -> bool:
    """Where no value is negative."""
    return all(proven(entry) for entry in node.args[:2] if isinstance(entry, fx.Node))


def threshold(node: fx.Node, proven: Proven) -> bool:
    """Where neither what stays nor what takes its place is negative."""
    least, value = argument(node, 1, "threshold"), argument(node, 2, "value")
    return proven(value) and (proven(least) or proven(node.args[0]))


def pad(node: fx.Node, proven: Proven) -> bool:
    """Where neither the value nor what is put around it is negative."""
    value = argument(node, 3, "value")
    return proven(node.args[0]) and (value is None or proven(value))


def to(node: fx.Node, proven: Proven) -> bool:
    """Where the value is not negative; to a floating-point type, since `Signs` refuses others."""
    return proven(node.args[0])


def pool(node: fx.Node, proven: Proven) -> bool:
    """Where neither the values nor the divisor are negative."""
    divisor = argument(node, 6, "divisor_override")
    return proven(node.args[0]) and (divisor is None or proven(divisor))


def nan_to_num(node: fx.Node, proven: Proven) -> bool:
    """Where neither the value nor what takes the place of NaN and of infinity is negative."""
    fills = (argument(node, 1, "nan"), argument(node, 2, "posinf"))
    return proven(node.args[0]) and all(fill is None or proven(fill) for fill in fills)
