"""The word error rate of transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer


@dataclass(frozen=True)
class WordErrors:
    """Errors of a set of transcripts against what was said.

    Attributes:
        words: words said.
        substitutions, deletions, insertions: the fewest changes that turn what was said into what was written.
    """

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        """All errors (word Levenshtein distance)."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Word error rate of the set: all errors over all words."""
        return self.errors / self.words


def word_errors(said: Sequence[str], written: Sequence[str]) -> WordErrors:
    """Count word errors, words being parted by blanks.

    Args:
        said: what was said, one or more words in each.
        written: what the network wrote, in the same order.

    Source: MLPerf inference, RNN-T: sum of word Levenshtein distances over sum of words.
    """
    found = jiwer.process_words(list(said), list(written))
    words = found.hits + found.substitutions + found.deletions
    return WordErrors(words, found.substitutions, found.deletions, found.insertions)
