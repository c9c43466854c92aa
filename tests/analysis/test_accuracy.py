"""Accuracy, confusion and the interval over chips."""

from __future__ import annotations

import pytest
import torch

from pcmesh.analysis.accuracy import accuracy, confusion, interval_95

LABELS, PREDICTED = torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([0, 1, 1, 2, 0, 2])


def test_rows_of_a_confusion_are_true_classes() -> None:
    assert confusion(PREDICTED, LABELS, 4) == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    assert accuracy(PREDICTED, LABELS) == pytest.approx(4 / 6)


def test_an_interval_of_one_chip_is_its_value() -> None:
    assert interval_95([0.9]) == (0.9, 0.9)
    low, high = interval_95([0.8, 0.9, 1.0])  # half width: 4.3027 * 0.1 / sqrt(3)
    assert (low, high) == pytest.approx((0.9 - 0.24841, 0.9 + 0.24841), abs=1e-4)
