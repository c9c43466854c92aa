"""Fits costs to published figures, predicts figures that were left out, and says what the figures leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog, lsq_linear

from pcmesh.performance.costs import CostTable

Counts = Mapping[str, float]
"""Cost name -> events."""

SLACK = 0.005
"""Figures of the paper that say the same differ by this much (7.09 TOPS/W and 4.44 J - 0.11 J)."""


@dataclass(frozen=True, kw_only=True)
class PublishedFigure:
    """A published figure that follows from an energy.

    Attributes:
        name, value, unit: as published.
        group: figures of one group say the same in other units.
        counts: events whose costs add up to the energy.
        scale: value x energy for rates per energy (operations, samples, ...), value / energy for energies.
        per_energy: whether the value is scale / energy (TOPS/W); else scale x energy (J, W).
        rounding: half a unit of the last digit.
    """

    name: str
    value: float
    unit: str
    group: str
    counts: Counts
    scale: float
    per_energy: bool
    rounding: float

    @property
    def energy(self) -> float:
        """The energy that the published value stands for, J."""
        return self.scale / self.value if self.per_energy else self.value / self.scale

    def predicted(self, costs: CostTable) -> float:
        """Return the value with given costs."""
        return self.of_energy(
            sum(n * entry.pj * 1e-12 for n, entry in zip(events(self.counts, costs), costs.cost, strict=True))
        )

    def of_energy(self, energy: float) -> float:
        """Return the value that an energy stands for."""
        if self.per_energy:
            return self.scale / energy if energy > 0 else float("inf")
        return self.scale * energy

    @property
    def tolerance(self) -> float:
        """Relative: its rounding, or what the paper's figures differ among themselves."""
        return max(self.rounding / self.value, SLACK)


def events(counts: Counts, costs: CostTable) -> list[float]:
    """Return the events of each cost, in the order of the table; a cost that counts do not name has none.

    Raises:
        ConfigurationError: counts of a cost that the table does not have: they would be free.
    """
    costs.check_names(counts)
    return [counts.get(entry.name, 0.0) for entry in costs.cost]


def fit(figures: Sequence[PublishedFigure], costs: CostTable, free: Sequence[str]) -> CostTable:
    """Return the costs with the free ones fitted: least squares of relative deviations, none below 0.

    Figures of one group together weigh as much as one.
    """
    weights = [1 / sum(other.group == figure.group for other in figures) ** 0.5 for figure in figures]
    matrix = _matrix(figures, costs)
    names = [entry.name for entry in costs.cost]
    chosen = [names.index(name) for name in free]
    fixed = np.array([0.0 if entry.name in free else entry.pj for entry in costs.cost])
    wanted = (1.0 - matrix @ fixed) * weights
    # Columns are scaled to their largest entry: costs differ by many orders of magnitude.
    columns = matrix[:, chosen] * np.array(weights)[:, None]
    scale = np.maximum(np.abs(columns).max(0), 1e-300)
    found = lsq_linear(columns / scale, wanted, bounds=(0, np.inf), tol=1e-14).x / scale
    return costs.changed(dict(zip(free, found.tolist(), strict=True)))


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A figure, and what the others say about it.

    Attributes:
        figure: the figure.
        role: whether it is among those that the shipped costs are fitted to.
        fitted: with the costs of the fit.
        left_out: fitted to all figures that do not say the same.
        lowest, highest: what any costs allow that agree with those figures.
    """

    figure: PublishedFigure
    role: Literal["fitted to", "predicted"]
    fitted: float
    left_out: float
    lowest: float
    highest: float


def leave_one_out(
    figures: Sequence[PublishedFigure], costs: CostTable, free: Sequence[str], fitted_to: Sequence[str]
) -> list[LeftOut]:
    """Return, for each figure, what the fit says of it and what a fit without it says."""
    fitted = fit([figure for figure in figures if figure.name in fitted_to], costs, free)
    found = []
    for figure in figures:
        others = [other for other in figures if other.group != figure.group]
        low, high = bounds(others, figure, costs)
        found.append(
            LeftOut(
                figure=figure,
                role="fitted to" if figure.name in fitted_to else "predicted",
                fitted=figure.predicted(fitted),
                left_out=figure.predicted(fit(others, costs, free)),
                lowest=low,
                highest=high,
            )
        )
    return found


def bounds(known: Sequence[PublishedFigure], asked: PublishedFigure, costs: CostTable) -> tuple[float, float]:
    """Return the lowest and highest value of a figure that any costs from 0 up allow, given others as published."""
    ends = _extremes(known, np.array(events(asked.counts, costs)) * 1e-12, costs)
    low, high = sorted(asked.of_energy(energy) for energy in ends)
    return low, high


@dataclass(frozen=True, kw_only=True)
class Freedom:
    """What the published figures leave open of one cost: its share of an energy, lowest and highest."""

    name: str
    fitted_share: float
    lowest_share: float
    highest_share: float


def freedom(figures: Sequence[PublishedFigure], costs: CostTable, of: Counts) -> list[Freedom]:
    """Return for each cost which share of an energy it can have if all figures are as published."""
    counts = events(of, costs)
    total = sum(n * entry.pj * 1e-12 for n, entry in zip(counts, costs.cost, strict=True))
    published = next((figure.energy for figure in figures if dict(figure.counts) == dict(of)), total)
    found = []
    for number, entry in enumerate(costs.cost):
        weight = np.zeros(len(costs.cost))
        weight[number] = counts[number] * 1e-12
        if weight[number]:
            low, high = (energy / published for energy in _extremes(figures, weight, costs))
            share = weight[number] * entry.pj / total
            found.append(Freedom(name=entry.name, fitted_share=share, lowest_share=low, highest_share=high))
    return found


def _matrix(figures: Sequence[PublishedFigure], costs: CostTable) -> npt.NDArray[np.float64]:
    """Return (figures, costs): energy of 1 pJ per event, in units of the published energy."""
    return np.array([[n * 1e-12 / figure.energy for n in events(figure.counts, costs)] for figure in figures])


def _extremes(
    figures: Sequence[PublishedFigure], weight: npt.NDArray[np.float64], costs: CostTable
) -> tuple[float, float]:
    """Return the smallest and the largest of weight · costs under the figures, J; infinity where nothing limits it."""
    matrix = _matrix(figures, costs)
    scale = np.maximum(matrix.max(0), weight / max(weight.max(), 1e-300) * 1e-12)
    scale[scale == 0] = 1.0
    slack = np.array([figure.tolerance for figure in figures])
    unequal = np.concatenate([matrix, -matrix]) / scale
    limits = np.concatenate([1 + slack, slack - 1])
    size = max((weight / scale).max(), 1e-300)
    ends = []
    for sign in (1, -1):
        solved = linprog(sign * weight / scale / size, A_ub=unequal, b_ub=limits, bounds=(0, None))
        ends.append(sign * solved.fun * size if solved.status == 0 else float("inf") if sign < 0 else 0.0)
    return ends[0], ends[1]
