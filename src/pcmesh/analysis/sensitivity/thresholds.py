"""Reading curves of accuracy against bits: the threshold of a share of the accuracy, and the bits of an accuracy.

A measured curve goes up and down by chance, though more bits cannot hurt: it is first made to rise everywhere (isotonic
regression, least squares), then read between its points along straight lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression


def bits_of(bits: Sequence[float], accuracies: Sequence[float], accuracy: float) -> float:
    """Return the fewest bits at which a curve reaches an accuracy.

    -inf: it is above at all points; +inf: it does not reach it.

    Args:
        bits: ascending.
        accuracies: at these.
        accuracy: to reach; 99 % of that in float32 gives the paper's threshold (Fig. 4c, d).
    """
    rising = isotonic_regression(np.asarray(accuracies, dtype=float)).x
    first = int(np.searchsorted(rising, accuracy - 1e-12))
    if first == 0:
        return -np.inf
    if first == len(rising):
        return np.inf
    low, high = rising[first - 1], rising[first]
    return float(bits[first - 1] + (bits[first] - bits[first - 1]) * (accuracy - low) / (high - low))
