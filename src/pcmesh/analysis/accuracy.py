"""Accuracy and its interval over chip instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    import torch

ISO_ACCURACY = 0.99
"""MLPerf's limit of "iso-accuracy": this share of the software's accuracy (paper: Fig. 3g)."""


def accuracy(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of labels predicted; both (B,) int64."""
    return float((predicted == labels).double().mean())


def confusion(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> list[list[int]]:
    """Return counts with rows of true and columns of predicted classes."""
    counts = (labels * classes + predicted).bincount(minlength=classes * classes)
    return [[int(n) for n in row] for row in counts.view(classes, classes)]


def interval_95(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % confidence interval (Student's t) of the mean over chips; of one chip, its value twice."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return mean - half, mean + half
