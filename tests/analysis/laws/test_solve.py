"""Bisection for the value of a constant."""

from __future__ import annotations

import pytest

from pcmesh.analysis.laws.solve import solve


def test_a_rising_and_a_falling_quantity_are_met() -> None:
    assert solve(lambda value: value**2, 9.0, 0.1, 100.0, steps=12) == pytest.approx(3.0, rel=1e-3)
    assert solve(lambda value: 1 / value, 0.5, 0.1, 100.0, steps=12) == pytest.approx(2.0, rel=1e-3)


def test_few_steps_come_near() -> None:
    assert solve(lambda value: value**2, 9.0, 1.0, 10.0) == pytest.approx(3.0, rel=0.02)


def test_what_lies_beyond_the_ends_is_not_met() -> None:
    assert solve(lambda value: value, 9.0, 1.0, 2.0) is None
