"""Energy: events of each chip's operation x their cost x how often it ran, and the digital side's operations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pcmesh.performance.costs import CostTable
from pcmesh.performance.power_test import ChipActivity, Part
from pcmesh.performance.run import TimedRun

DIGITAL = "digital"

Axis = Literal["chip", "supply", "phase", "layer", "cost"]


@dataclass(frozen=True)
class Item:
    """A share of the energy: on which chip (from 1; 0: the digital side), by which supply, in which phase, for what."""

    chip: int
    supply: str
    phase: str
    layer: str
    cost: str
    joule: float


@dataclass(frozen=True)
class Energy:
    """All shares; every sum over them is one of the figures."""

    items: tuple[Item, ...]

    @property
    def total(self) -> float:
        """Everything, J."""
        return sum(item.joule for item in self.items)

    @property
    def chips(self) -> float:
        """Without the digital side, J."""
        return sum(item.joule for item in self.items if item.chip)

    def by(self, axis: Axis) -> dict[str, float]:
        """Return the shares added up along one axis, J."""
        found: dict[str, float] = defaultdict(float)
        for item in self.items:
            found[str(getattr(item, axis))] += item.joule
        return dict(found)

    def of_chip(self, chip: int) -> Energy:
        """Return one chip's share."""
        return Energy(tuple(item for item in self.items if item.chip == chip))

    def of_supply(self, supply: str) -> Energy:
        """Return one supply's share."""
        return Energy(tuple(item for item in self.items if item.supply == supply))


def operation_energy(activity: ChipActivity, costs: CostTable) -> Energy:
    """Return the energy of one operation of a chip."""
    return activity_energy(activity, costs, partial(_always, 1))


def activity_energy(activity: ChipActivity, costs: CostTable, runs: Callable[[Part], float]) -> Energy:
    """Return the energy of a chip, each part of whose operation runs so often."""
    return Energy(_items(activity, costs, runs))


def run_energy(run: TimedRun, activities: Sequence[ChipActivity], costs: CostTable) -> Energy:
    """Return the energy of a timed run; a chip that does nothing draws nothing, as in the paper's count."""
    items: list[Item] = []
    for activity in activities:
        items += _items(activity, costs, partial(_always, run.runs_of_chips[activity.chip]))
    for task, count in run.operations.digital.items():
        kind = "matrix_operations" if task in run.operations.matrices else "vector_operations"
        items += [
            Item(0, DIGITAL, DIGITAL, task, entry.name, count * entry.pj * 1e-12) for entry in costs.of_kind(kind)
        ]
    return Energy(tuple(items))


def _always(count: int, _: Part) -> int:
    return count


def _items(activity: ChipActivity, costs: CostTable, runs: Callable[[Part], float]) -> tuple[Item, ...]:
    by_kind = {kind: costs.of_kind(kind) for kind in {part.kind: None for part in activity.counts}}
    return tuple(
        Item(
            chip=activity.chip + 1,
            supply=entry.supply,
            phase=activity.phases[part.step],
            layer=part.layer,
            cost=entry.name,
            joule=count * entry.pj * 1e-12 * runs(part),
        )
        for part, count in activity.counts.items()
        for entry in by_kind[part.kind]
    )
