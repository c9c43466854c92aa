"""Mappings of a network by tiles, energy and errors, all measured: which of them no other beats in everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pcmesh.analysis.accuracy import interval_95


@dataclass(frozen=True)
class Point:
    """One mapping, measured on chip instances.

    Attributes:
        name: for people.
        ways: layer -> how it is mapped.
        tiles: taken.
        energy_j: of one sample.
        errors: share of errors, one for each chip instance.
        marks: where the mapping comes from: the paper, or the solver's choice for what.
    """

    name: str
    ways: dict[str, str]
    tiles: int
    energy_j: float
    errors: tuple[float, ...]
    marks: tuple[str, ...] = ()

    @property
    def error(self) -> float:
        """Mean over the chips."""
        return sum(self.errors) / len(self.errors)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean over the chips."""
        return interval_95(self.errors)

    def as_json(self, points: Sequence[Point]) -> dict[str, Any]:
        """Return plain data."""
        own = {"error": {"mean": self.error, "ci95": list(self.interval), "per_chip": list(self.errors)}}
        return {**asdict(self), **own, "front": on_front(self, points)}


def on_front(point: Point, points: Sequence[Point]) -> bool:
    """Return whether no other point is at least as good in tiles, energy and error and better in one."""
    mine = (point.tiles, point.energy_j, point.error)
    others = [(p.tiles, p.energy_j, p.error) for p in points if p is not point]
    return not any(all(o <= m for o, m in zip(other, mine, strict=True)) and other != mine for other in others)


def by_tiles(points: Sequence[Point]) -> list[Point]:
    """Return points in the order of their tiles, then their energy."""
    return sorted(points, key=lambda point: (point.tiles, point.energy_j))
