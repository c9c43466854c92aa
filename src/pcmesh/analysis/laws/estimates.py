"""Estimates over chip instances that were measured in pairs: the same chips, data and noise in every arm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from pcmesh.analysis.accuracy import interval_95
from pcmesh.analysis.laws.law import Estimate


def exactly(value: float) -> Estimate:
    """Return a value without chance."""
    return Estimate(value, value, value)


def mean_of(values: Sequence[float]) -> Estimate:
    """Return the mean over chips with Student's interval; without one for a single chip."""
    if len(values) < 2:
        return Estimate(float(np.mean(values)), None, None)
    return Estimate(float(np.mean(values)), *interval_95(values))


def one_more_of(values: Sequence[float]) -> Estimate:
    """Return the mean with the 95 % interval of one more chip: what to compare a single published one with."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, None, None)
    spread = float(np.std(values, ddof=1)) * math.sqrt(1 + 1 / len(values))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * spread
    return Estimate(mean, mean - half, mean + half)


def difference_of(values: Sequence[float], others: Sequence[float]) -> Estimate:
    """Return the mean of values less others, chip by chip."""
    return mean_of([one - other for one, other in zip(values, others, strict=True)])


def ratio_of(values: Sequence[float], others: Sequence[float]) -> Estimate:
    """Return the ratio of two means over the same chips.

    Its interval is that of the residuals value - ratio·other (first order), which share what the chips have in common.
    A mean below that is not positive gives no interval, since nothing can be said of the ratio.
    """
    above, below = np.asarray(values, dtype=float), np.asarray(others, dtype=float)
    if not below.mean() > 0:
        return Estimate(math.inf if above.mean() > 0 else 0.0, None, None)
    ratio = float(above.mean() / below.mean())
    if len(above) < 2:
        return Estimate(ratio, None, None)
    error = float((above - ratio * below).std(ddof=1) / math.sqrt(len(above)) / below.mean())
    half = float(stats.t.ppf(0.975, len(above) - 1)) * error
    return Estimate(ratio, ratio - half, ratio + half)
