"""Fits recover the costs that made the figures, and bounds hold what any costs allow."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcmesh.performance.costs import Cost, CostTable
from pcmesh.performance.fit import PublishedFigure, bounds, fit, freedom, leave_one_out

NAMES = ("one", "two", "three")
COSTS = st.tuples(*[st.floats(0.1, 100.0)] * 3)


def _table(pj: tuple[float, ...]) -> CostTable:
    entries = [
        Cost(name=name, supply="1.5 V", counts=name, pj=value, standing="fitted", note="")
        for name, value in zip(NAMES, pj, strict=True)
    ]
    return CostTable(cost=tuple(entries))


def _figures(costs: CostTable) -> list[PublishedFigure]:
    events = [
        {"one": 3.0},
        {"one": 1.0, "two": 5.0},
        {"two": 2.0, "three": 4e3},
        {"one": 1.0, "two": 1.0, "three": 1e3},
    ]
    found = []
    for number, counts in enumerate(events):
        energy = sum(counts.get(entry.name, 0.0) * entry.pj * 1e-12 for entry in costs.cost)
        rate = number % 2 == 0
        found.append(
            PublishedFigure(
                name=f"figure {number}",
                value=1 / energy if rate else energy,
                unit="",
                group=str(number),
                counts=counts,
                scale=1.0,
                per_energy=rate,
                rounding=0.0,
            )
        )
    return found


@given(COSTS)
@settings(max_examples=50, deadline=None)
def test_as_many_figures_as_costs_give_them_back(pj: tuple[float, ...]) -> None:
    figures = _figures(_table(pj))
    found = fit(figures[:3], _table((1.0, 1.0, 1.0)), NAMES)
    assert [entry.pj for entry in found.cost] == pytest.approx(pj, rel=1e-6)
    assert figures[3].predicted(found) == pytest.approx(figures[3].value, rel=1e-6)


@given(COSTS)
@settings(max_examples=30, deadline=None)
def test_the_truth_lies_within_the_bounds(pj: tuple[float, ...]) -> None:
    costs = _table(pj)
    figures = _figures(costs)
    for asked in figures:
        low, high = bounds([other for other in figures if other is not asked], asked, costs)
        assert low * (1 - 1e-6) <= asked.value <= high * (1 + 1e-6)
    for left in leave_one_out(figures, costs, NAMES, [figure.name for figure in figures[:3]]):
        assert left.fitted == pytest.approx(left.figure.value, rel=1e-5)


def test_what_no_figure_limits_is_free() -> None:
    costs = _table((1.0, 1.0, 1.0))
    figures = _figures(costs)
    only_first = figures[:1]
    low, high = bounds(only_first, figures[1], costs)
    assert low == pytest.approx(figures[1].value * 0.2 / 1.2, rel=1, abs=1e-12)
    assert high == float("inf")
    shares = {entry.name: entry for entry in freedom(figures, costs, figures[1].counts)}
    assert shares["two"].lowest_share <= shares["two"].fitted_share <= shares["two"].highest_share


def test_no_cost_falls_below_nothing() -> None:
    figures = _figures(_table((50.0, 0.1, 1.0)))
    cheaper = [figures[0], PublishedFigure(**{**figures[1].__dict__, "value": figures[1].value / 3})]
    assert all(entry.pj >= 0 for entry in fit(cheaper, _table((1.0, 1.0, 1.0)), NAMES).cost)
