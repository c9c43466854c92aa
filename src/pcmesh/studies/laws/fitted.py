"""Constants of the chip that were fitted to an observation; everything else is published, derived or assumed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FittedConstant:
    """A key of the chip.

    Attributes:
        key: `table.key` of a chip file.
        law: the observation that it is fitted to.
        before: what it would be without that observation: published, or assumed.
        low, high: between which it is looked for.
    """

    key: str
    law: str
    before: float
    low: float
    high: float


FITTED: tuple[FittedConstant, ...] = (
    FittedConstant(key="programming.relaxation_scale", law="weight-error", before=1.0, low=0.1, high=2.0),
    FittedConstant(key="programming.saturated_share", law="yield", before=0.0002, low=0.0002, high=0.09),
)
"""Without the fits: the published spread of single devices, and weights that hardly ever lie beyond Max W."""


def constant_of(law: str) -> FittedConstant | None:
    """Return the constant that is fitted to a law; None: the law is predicted."""
    return next((one for one in FITTED if one.law == law), None)
