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


FITTED: tuple[FittedConstant, ...] = ()


def constant_of(law: str) -> FittedConstant | None:
    """Return the constant that is fitted to a law; None: the law is predicted."""
    return next((one for one in FITTED if one.law == law), None)
