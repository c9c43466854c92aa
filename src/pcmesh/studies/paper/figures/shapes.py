"""Figures as plain data: what `reporting.paper_figures` draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcmesh.analysis.accuracy import interval_95

Data = dict[str, Any]


def lines(x: str, y: str, curves: Mapping[str, tuple[Any, Any]], **options: Any) -> Data:
    """Return a figure of curves: name -> (x values, y values)."""
    return {
        "kind": "lines",
        "x": x,
        "y": y,
        "curves": {k: [list(a), list(b)] for k, (a, b) in curves.items()},
        **options,
    }


def bars(y: str, names: list[str], groups: Mapping[str, list[float]]) -> Data:
    """Return a figure of bars: group -> a value for each name."""
    return {"kind": "bars", "y": y, "names": names, "groups": dict(groups)}


def means(y: str, measured: Mapping[str, Sequence[float]], levels: Mapping[str, float]) -> Data:
    """Return a figure of bars with intervals: name -> a value of each chip; levels are lines across."""
    return {
        "kind": "means",
        "y": y,
        "names": list(measured),
        "values": [list(values) for values in measured.values()],
        "means": [sum(values) / len(values) for values in measured.values()],
        "ci95": [list(interval_95(values)) for values in measured.values()],
        "levels": dict(levels),
    }
