"""What digital operations cost: scalar operations, one table for every network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Standing = Literal["stated", "derived", "fitted", "assumed"]


@dataclass(frozen=True)
class DigitalCost:
    """Scalar operations of one thing, and where the number comes from."""

    thing: str
    operations: int
    standing: Standing
    note: str


AFFINE = DigitalCost("slope and offset of one code", 2, "derived", "a linear fit per column; biases are in the offset")
SUM = DigitalCost("addition of two partial sums", 1, "derived", "an addition")
ACTIVATION = DigitalCost("one sigmoid or tanh", 3, "assumed", "piecewise linear: look up, multiply, add")
CELL_UPDATE = DigitalCost("c and h of one LSTM unit", 4, "derived", "c = f·c + i·g, h = o·tanh(c)")
CONVERSION = DigitalCost("one value to an input pulse", 1, "assumed", "scaled; rounding is free")
NORMALISATION = DigitalCost("normalisation of one feature", 3, "derived", "mean, shift, scale")
MULTIPLY_ADD = DigitalCost("multiply-add", 2, "derived", "two operations")

DIGITAL_COSTS = (AFFINE, SUM, ACTIVATION, CELL_UPDATE, CONVERSION, NORMALISATION, MULTIPLY_ADD)

LSTM_GATES = 4
LSTM_ACTIVATIONS = 5


def lstm_cell_operations(hidden: int, sums: int) -> int:
    """Return the operations of an LSTM cell whose gates are the sum of so many vectors of codes."""
    per_gate = AFFINE.operations * sums + SUM.operations * (sums - 1)
    per_unit = LSTM_GATES * per_gate + LSTM_ACTIVATIONS * ACTIVATION.operations + CELL_UPDATE.operations
    return hidden * per_unit


def gates_of(kind: str) -> int:
    """Return the gates of each unit of a recurrent layer, by its ATen name."""
    return LSTM_GATES if kind.startswith("lstm") else 3 if kind.startswith("gru") else 1


def cell_operations(kind: str, units: int, sums: int) -> int:
    """Return the operations of a recurrent layer's cell whose gates are the sum of so many vectors of codes.

    A GRU: h = (1 - z)·n + z·h with n = tanh(x + r·y), so that one of its three sums has a factor.
    """
    if kind.startswith("lstm"):
        return lstm_cell_operations(units, sums)
    gates = gates_of(kind)
    per_unit = gates * (AFFINE.operations * sums + SUM.operations * (sums - 1) + ACTIVATION.operations)
    return units * (per_unit + (5 if kind.startswith("gru") else 0))
