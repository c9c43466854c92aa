"""A published behaviour, what the twin shows of it, and the comparison of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Rule = Literal["equal", "at least", "at most"]
Standing = Literal["fitted", "predicted"]

NEAR = 0.2
"""A value within this share of the paper's agrees with it."""
WIDE = 1.0
"""An interval wider than this share of the paper's value decides nothing that it contains."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """One behaviour of the chip that was published.

    Attributes:
        id: short name.
        observation: what was seen.
        where: in which publication, and where in it.
        paper: its figures; for an order of things the differences that have a sign, each with the bound 0.
        rule: whether the figures are values, or bounds.
        said: the publication in words, where figures alone do not say it.
        unit: of the figures.
    """

    id: str
    observation: str
    where: str
    paper: tuple[float, ...]
    rule: Rule = "equal"
    said: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; no interval where a single chip was measured."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Sight:
    """What the twin shows of a law.

    Attributes:
        estimates: one for each figure of the paper; none where it was not measured.
        note: how it was measured, and figures beside it.
        data: what the estimates were made of, as plain data.
    """

    estimates: tuple[Estimate, ...]
    note: str
    data: Mapping[str, Any] = field(default_factory=dict)


def not_measured(note: str) -> Sight:
    """Return a sight of nothing; the note says why."""
    return Sight((), note)


def judge(law: Law, sight: Sight) -> bool | None:
    """Return whether a twin agrees with a law; None: what was measured does not decide it.

    A value agrees where its interval contains the paper's or where it is within 20 % of it. A bound is kept where the
    whole interval keeps it. Of several figures all must agree.
    """
    if not sight.estimates:
        return None
    compare = _equals if law.rule == "equal" else _bounded
    found = [compare(law.rule, paper, ours) for paper, ours in zip(law.paper, sight.estimates, strict=True)]
    if False in found:
        return False
    return None if None in found else True


def _equals(_rule: Rule, paper: float, ours: Estimate) -> bool | None:
    near = abs(ours.value - paper) <= NEAR * abs(paper)
    if ours.low is None or ours.high is None:
        return None
    agrees = near or ours.low <= paper <= ours.high
    return None if agrees and ours.high - ours.low > WIDE * abs(paper) else agrees


def _bounded(rule: Rule, paper: float, ours: Estimate) -> bool | None:
    if ours.low is None or ours.high is None:
        return None
    inner, outer = (
        (ours.low - paper, ours.high - paper) if rule == "at least" else (paper - ours.high, paper - ours.low)
    )
    if inner >= 0:
        return True
    return False if outer < 0 else None


def row(law: Law, sight: Sight, fitted_constant: str | None) -> dict[str, Any]:
    """Return a law with what the twin shows of it as plain data; docs/laws.md describes the keys.

    Args:
        law: the law.
        sight: what was measured.
        fitted_constant: key of the chip that was fitted to this observation; None: it is predicted.
    """
    intervals = [None if one.low is None else [one.low, one.high] for one in sight.estimates]
    standing: Standing = "predicted" if fitted_constant is None else "fitted"
    return {
        "id": law.id,
        "observation": law.observation,
        "where": law.where,
        "paper": _single(law.paper),
        "said": law.said,
        "unit": law.unit,
        "rule": law.rule,
        "ours": _single([one.value for one in sight.estimates]),
        "ci95": _single(intervals),
        "standing": standing,
        "fitted_constant": fitted_constant,
        "agrees": judge(law, sight),
        "note": sight.note,
        "data": dict(sight.data),
    }


def _single(values: Sequence[Any]) -> Any:
    """Return the only value, or a list of several; None where there are none."""
    return list(values) if len(values) > 1 else next(iter(values), None)
