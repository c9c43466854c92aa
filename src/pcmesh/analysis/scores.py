"""Accuracy as counts by utterance, so that its uncertainty can be had by drawing utterances anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pcmesh.random import numpy_generator

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """What is right out of how much, utterance by utterance (or the whole as one entry).

    Attributes:
        right: words right, or words said less word errors (which may be negative).
        possible: words.
    """

    right: tuple[float, ...]
    possible: tuple[float, ...]

    @property
    def accuracy(self) -> float:
        """Share of what is right; 1 - WER where words are counted."""
        return sum(self.right) / sum(self.possible)


def as_scores(value: Scores | float) -> Scores:
    """Return scores; a mere accuracy becomes one entry."""
    return value if isinstance(value, Scores) else Scores((float(value),), (1.0,))


def resampled(scores: Sequence[Scores], draws: int, seed: int = 0) -> Counts:
    """Return accuracies (draws, len(scores)) over utterances drawn anew, the same ones for all scores.

    Args:
        scores: of the same utterances.
        draws: how often.
        seed: of the stream `data`.
    """
    count = len(scores[0].right)
    times = numpy_generator(seed, "data", "bootstrap").multinomial(count, [1 / count] * count, size=draws)
    right, possible = (np.array([getattr(s, name) for s in scores]) for name in ("right", "possible"))
    found: Counts = (times @ right.T) / (times @ possible.T)
    return found
