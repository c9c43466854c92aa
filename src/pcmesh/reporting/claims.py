"""How claims are written for people: values, bounds, deviations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SMALLEST = 1e-6
"""A deviation below this many percent is rounding of the computer."""

_MARKS = {"<=": "≤ ", ">=": "> "}


def value_text(value: Any, relation: str = "=") -> str:
    """Return a number, several numbers or words as people write them."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return _MARKS.get(relation, "") + ", ".join(value_text(entry) for entry in value)
    if float(value).is_integer() and abs(value) < 1e12:
        return _MARKS.get(relation, "") + f"{value:,.0f}"
    return _MARKS.get(relation, "") + _number(value)


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.1f}"
    return f"{value:.5g}" if abs(value) >= 1 else f"{value:.4g}"


def deviation_text(row: Mapping[str, Any]) -> str:
    """Return the deviation in percent (of several numbers the largest), or whether words agree."""
    if row["agrees"] is not None:
        return "same" if row["agrees"] else "differs"
    if row["deviation"] is None:
        return "-"
    percent = 100 * row["deviation"]
    if abs(percent) < _SMALLEST:
        return "0"
    return f"{percent:+.1f} %" if abs(percent) >= 0.05 else f"{percent:+.1g} %"
