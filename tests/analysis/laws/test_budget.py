"""Shares of sources in a variance: they add up where sources do not act on each other."""

from __future__ import annotations

import pytest

from pcmesh.analysis.laws.budget import INTERACTION, error_budget

OWN = {"devices": 3.0, "columns": 1.0, "noise": 0.5}


def test_independent_sources_add_up() -> None:
    found = error_budget(list(OWN), lambda on: [0.5 + sum(OWN[name] for name in on)] * 3, "codes")
    shares = {one["name"]: one["alone"]["mean"] for one in found["rows"]}
    assert shares == pytest.approx({"codes": 0.1, "devices": 0.6, "columns": 0.2, "noise": 0.1, INTERACTION: 0.0})
    for one in found["rows"][1:]:
        assert one["without"]["mean"] == pytest.approx(one["alone"]["mean"])


def test_sources_that_act_on_each_other_leave_a_rest() -> None:
    def measure(on: frozenset[str]) -> list[float]:
        own = sum(OWN[name] for name in on)
        return [own + (2.0 if {"devices", "columns"} <= on else 0.0)]

    found = {one["name"]: one for one in error_budget(list(OWN), measure, "codes")["rows"]}
    assert found["devices"]["alone"]["mean"] == pytest.approx(3 / 6.5)
    assert found["devices"]["without"]["mean"] == pytest.approx(5 / 6.5)
    assert found[INTERACTION]["alone"]["mean"] == pytest.approx(2 / 6.5)
    assert found[INTERACTION]["without"]["mean"] == pytest.approx(-2 / 6.5)
    assert found["devices"]["alone"]["ci95"] is None
