"""An error budget: what each source of a sum of errors does alone, and what is gone without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pcmesh.analysis.laws.estimates import mean_of
from pcmesh.analysis.laws.law import Estimate

INTERACTION = "interaction"

Measure = Callable[[frozenset[str]], Sequence[float]]
"""Sources that are on -> variance of the error on each chip; the same chips and inputs whatever is on."""


def error_budget(sources: Sequence[str], measure: Measure, floor: str) -> dict[str, Any]:
    """Return the share of each source in the variance of an error, as plain data.

    Alone is the variance with only that source on, less that with none; without is what is gone when it alone is
    switched off. Where sources do not act on each other both are the same and all shares add up to one; what is missing
    to one is the row `interaction`.

    Args:
        sources: their names.
        measure: gives the variances.
        floor: name of what is left when all sources are off.
    """
    whole, none = measure(frozenset(sources)), measure(frozenset())
    rows = [_row(floor, none, whole, None)]
    for name in sources:
        alone = _less(measure(frozenset({name})), none)
        rows.append(_row(name, alone, whole, _less(whole, measure(frozenset(sources) - {name}))))
    added = [sum(row["alone"]["per_chip"][chip] for row in rows) for chip in range(len(whole))]
    gone = [sum(row["without"]["per_chip"][chip] for row in rows if row["without"]) for chip in range(len(whole))]
    rest = [1 - none_share - share for none_share, share in zip(rows[0]["alone"]["per_chip"], gone, strict=True)]
    missing = {"name": INTERACTION, "alone": _shares([1 - share for share in added]), "without": _shares(rest)}
    return {"variance": _shares(whole), "rows": [*rows, missing]}


def _row(name: str, alone: Sequence[float], whole: Sequence[float], gone: Sequence[float] | None) -> dict[str, Any]:
    without = None if gone is None else _shares(_over(gone, whole))
    return {"name": name, "alone": _shares(_over(alone, whole)), "without": without}


def _shares(per_chip: Sequence[float]) -> Mapping[str, Any]:
    found: Estimate = mean_of(per_chip)
    interval = None if found.low is None else [found.low, found.high]
    return {"mean": found.value, "ci95": interval, "per_chip": list(per_chip)}


def _over(values: Sequence[float], whole: Sequence[float]) -> list[float]:
    """Return variances chip by chip as shares of the chips' mean."""
    mean = sum(whole) / len(whole)
    return [value / mean for value in values]


def _less(values: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(values, others, strict=True)]
