"""MLPerf's systems as the paper states them (Methods): 3.98 to 38.88 samples/s/W, 300 to 3,500 W."""

from __future__ import annotations

import pytest

from pcmesh.performance.mlperf import comparison, load_submissions


def test_the_range_is_the_paper_s() -> None:
    systems = [entry for entry in load_submissions().system if not entry.edge]
    rates = [entry.samples_per_s_per_w for entry in systems]
    assert (min(rates), max(rates)) == (pytest.approx(3.98, abs=0.005), pytest.approx(38.88, abs=0.005))
    assert min(entry.power_w for entry in systems) == pytest.approx(300, rel=0.03)
    assert max(entry.power_w for entry in systems) == pytest.approx(3500, rel=0.01)


def test_the_paper_s_rate_is_fourteen_times_the_best() -> None:
    found = comparison(546.6, 1.0)
    assert round(found["improvement"]) == 14
    assert found["systems"][-1]["name"] == found["best"]
    assert [entry["improvement"] for entry in found["systems"]] == sorted(
        (entry["improvement"] for entry in found["systems"]), reverse=True
    )
