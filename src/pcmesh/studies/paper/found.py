"""What pcmesh has to say to a claim, and how it came by it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pcmesh.studies.paper.claims import Claim, Value

How = Literal["computed", "simulated", "predicted", "fitted", "input", "quoted", "needs data"]


@dataclass(frozen=True)
class Also:
    """The same figure of another network or other data: never the claim itself."""

    label: str
    value: Value
    how: How
    note: str = ""


@dataclass(frozen=True)
class Found:
    """Our value of a claim.

    Attributes:
        ours: the value, in the claim's unit; None where there is none.
        how: computed from the design or the data, simulated with drawn devices or noise, predicted with constants
            that are fitted to other figures, fitted to the figure itself, an input told again, quoted (only cited), or
            lacking data.
        note: what is assumed, or why there is no value.
        also: other networks or data.
    """

    ours: Value | None
    how: How
    note: str = ""
    also: tuple[Also, ...] = ()

    def beside(self, *others: Also) -> Found:
        """Return the same with figures of other networks beside it."""
        return replace(self, also=(*self.also, *others))


def computed(value: Value, note: str = "") -> Found:
    """Follows from the chip, the schedule or the data."""
    return Found(value, "computed", note)


def simulated(value: Value, note: str = "") -> Found:
    """Measured on simulated devices or with drawn noise."""
    return Found(value, "simulated", note)


def predicted(value: Value, note: str) -> Found:
    """Follows from constants that are fitted to other figures; the note names what carries it."""
    return Found(value, "predicted", note)


def given(value: Value, note: str) -> Found:
    """Is an input told again, of the chip file, a recipe or a network's shape, or mere arithmetic on inputs."""
    return Found(value, "input", note)


def fitted(value: Value, note: str) -> Found:
    """Comes from a constant fitted to the paper: no reproduction."""
    return Found(value, "fitted", note)


def quoted(note: str) -> Found:
    """Only cited: not within reach of a simulation."""
    return Found(None, "quoted", note)


def needs_data(note: str) -> Found:
    """Cannot be had without a file that does not ship; the note says which."""
    return Found(None, "needs data", note)


def deviation(claim: Claim, ours: Value | None) -> float | None:
    """Return (ours - paper) / paper, of several numbers the largest in size; None where there are no numbers.

    Where the paper has 0 it is the difference itself.
    """
    if ours is None or isinstance(ours, str) or isinstance(claim.paper, str):
        return None
    pairs = zip(_numbers(ours), _numbers(claim.paper), strict=True)
    return max(((own - stated) / (stated or 1.0) for own, stated in pairs), key=abs)


def _numbers(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)
