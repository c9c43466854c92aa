"""Whether a twin agrees with a published behaviour: values, bounds, orders, and what decides nothing."""

from __future__ import annotations

import json
import math

import pytest

from pcmesh.analysis.laws.estimates import difference_of, exactly, mean_of, one_more_of, ratio_of
from pcmesh.analysis.laws.law import Estimate, Law, Rule, Sight, judge, not_measured, row


def _law(*paper: float, rule: Rule = "equal") -> Law:
    return Law(id="law", observation="what was seen", where="Fig. 1", paper=paper, rule=rule, unit="%")


def _judged(law: Law, *estimates: Estimate) -> bool | None:
    return judge(law, Sight(estimates, ""))


@pytest.mark.parametrize(
    ("low", "value", "high", "agrees"),
    [
        (0.9, 1.0, 1.1, True),
        (0.7, 0.81, 0.9, True),  # within 20 %
        (0.6, 0.79, 1.01, True),  # the interval holds the paper's
        (0.6, 0.79, 0.9, False),
        (1.3, 1.5, 1.7, False),
        (0.2, 1.0, 1.8, None),  # so wide that it decides nothing
        (0.9, 1.5, 2.1, None),
        (1.2, 2.5, 3.8, False),  # wide, and yet without the paper's
    ],
)
def test_a_value_agrees_within_its_interval_or_a_fifth(
    low: float, value: float, high: float, agrees: bool | None
) -> None:
    assert _judged(_law(1.0), Estimate(value, low, high)) is agrees
    assert _judged(_law(10.0), Estimate(10 * value, 10 * low, 10 * high)) is agrees


@pytest.mark.parametrize(
    ("low", "high", "least", "most"),
    [(3.1, 3.3, True, False), (2.5, 2.9, False, True), (2.9, 3.1, None, None), (3.0, 3.0, True, True)],
)
def test_a_bound_is_kept_by_the_whole_interval(low: float, high: float, least: bool | None, most: bool | None) -> None:
    estimate = Estimate((low + high) / 2, low, high)
    assert _judged(_law(3.0, rule="at least"), estimate) is least
    assert _judged(_law(3.0, rule="at most"), estimate) is most


def test_of_an_order_every_step_must_be_clear() -> None:
    order = _law(0.0, 0.0, rule="at least")
    up, unclear, down = Estimate(1, 0.5, 1.5), Estimate(0.1, -0.5, 0.7), Estimate(-1, -1.5, -0.5)
    assert _judged(order, up, up) is True
    assert _judged(order, up, unclear) is None
    assert _judged(order, unclear, down) is False


def test_a_single_chip_and_no_measurement_decide_nothing() -> None:
    assert _judged(_law(1.0), mean_of([1.0])) is None
    assert _judged(_law(1.0, rule="at least"), mean_of([2.0])) is None
    assert judge(_law(1.0), not_measured("left out")) is None
    assert _judged(_law(1.0), exactly(1.1)) is True


def test_estimates_are_of_the_same_chips() -> None:
    mean = mean_of([0.8, 0.9, 1.0])
    assert (mean.value, mean.low, mean.high) == pytest.approx((0.9, 0.9 - 0.24841, 0.9 + 0.24841), abs=1e-4)
    one = one_more_of([0.8, 0.9, 1.0])  # 4.3027 * 0.1 * sqrt(4 / 3)
    assert (one.value, one.low, one.high) == pytest.approx((0.9, 0.9 - 0.49683, 0.9 + 0.49683), abs=1e-4)
    difference = difference_of([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
    assert (difference.value, difference.low, difference.high) == (1.0, 1.0, 1.0)
    same = ratio_of([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])  # what the chips have in common cancels
    assert (same.value, same.low, same.high) == pytest.approx((2.0, 2.0, 2.0))
    free = ratio_of([2.0, 4.0, 6.0], [3.0, 1.0, 2.0])
    assert free.value == pytest.approx(2.0)
    assert free.low is not None
    assert free.low < 0.5
    assert ratio_of([1.0, 1.0], [0.0, 0.0]) == Estimate(math.inf, None, None)


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says() -> None:
    import numpy as np

    random, inside, trials = np.random.default_rng(0), 0, 400
    for _ in range(trials):
        common = random.normal(10, 2, 10)
        found = ratio_of(1.5 * common + random.normal(0, 1, 10), common)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 1.5 <= found.high
    assert 0.91 < inside / trials < 0.98  # σ of the share: 0.011


def test_a_row_is_plain_data() -> None:
    found = row(_law(3.0, 5.0), Sight((exactly(3.0), Estimate(4.0, None, None)), "note", {"per_chip": [1]}), None)
    assert json.loads(json.dumps(found)) == found
    assert found["paper"] == [3.0, 5.0]
    assert found["ours"] == [3.0, 4.0]
    assert found["ci95"] == [[3.0, 3.0], None]
    assert (found["standing"], found["agrees"]) == ("predicted", None)
    single = row(_law(3.0), Sight((exactly(3.0),), ""), "column.noise_fc")
    assert (single["paper"], single["ours"], single["ci95"]) == (3.0, 3.0, [3.0, 3.0])
    assert (single["standing"], single["fitted_constant"], single["agrees"]) == ("fitted", "column.noise_fc", True)
    assert row(_law(3.0), not_measured("left out"), None)["ours"] is None
