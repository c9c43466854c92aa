"""Which activation an operation is, where a ramp can make it (`network.activation`)."""

from __future__ import annotations

from typing import Any

from torch import fx

from pcmesh.network.activation import HARD_SIGMOID, RELU, Activation
from pcmesh.network.operations.sign_rules import argument
from pcmesh.network.operations.signs import kind_of

_LIMITS = {"hardtanh": ("min_val", -1.0, "max_val", 1.0), "clamp": ("min", None, "max", None)}
_LIMITS["clip"] = _LIMITS["clamp"]


def activation_of(node: fx.Node) -> Activation | None:
    """Return the activation of a node: `relu`, `relu6`, `hardsigmoid`, `hardtanh`, `clamp` or `clip` with numbers.

    None where it is something else, or where zero does not lie between its limits.
    """
    kind = kind_of(node).rstrip("_")
    if kind == "relu":
        return RELU
    if kind == "relu6":
        return Activation("relu", 0.0, 6.0)
    if kind == "hardsigmoid":
        return HARD_SIGMOID
    if kind == "clamp_min":
        return _clamped(argument(node, 1, "min"), None)
    if kind not in _LIMITS:
        return None
    low, least, high, most = _LIMITS[kind]
    return _clamped(argument(node, 1, low, least), argument(node, 2, high, most))


def _clamped(low: Any, high: Any) -> Activation | None:
    if not isinstance(low, int | float) or not isinstance(high, int | float | None):
        return None
    if low == 0 and (high is None or high > 0):
        return RELU if high is None else Activation("relu", 0.0, float(high))
    return Activation("hard-tanh", float(low), float(high)) if high is not None and low < 0 <= high else None
