"""The value of a constant at which a measured quantity is what was published."""

from __future__ import annotations

import math
from collections.abc import Callable


def solve(measure: Callable[[float], float], wanted: float, low: float, high: float, steps: int = 5) -> float | None:
    """Return where a monotone quantity has a value, by bisection between logarithms; None: not between these ends.

    Args:
        measure: constant -> quantity.
        wanted: the quantity's published value.
        low, high: ends, above 0.
        steps: halvings.
    """
    ends = [measure(low) - wanted, measure(high) - wanted]
    if ends[0] * ends[1] > 0:
        return None
    for _ in range(steps):
        middle = math.sqrt(low * high)
        missed = measure(middle) - wanted
        if missed * ends[0] > 0:
            low, ends[0] = middle, missed
        else:
            high, ends[1] = middle, missed
    share = ends[0] / (ends[0] - ends[1]) if ends[0] != ends[1] else 0.5
    return float(math.exp(math.log(low) + share * (math.log(high) - math.log(low))))
