"""The letters that the RNN-T writes, and how a transcript becomes them.

Source: MLPerf inference, RNN-T reference (28 labels and the blank; transcripts in lower case without punctuation).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pcmesh.errors import InputError

ALPHABET = " abcdefghijklmnopqrstuvwxyz'"
"""The labels in the order of the network's outputs; the blank follows."""

BLANK = len(ALPHABET)
_APOSTROPHES = str.maketrans("\u2019\u02bc\u2018`", "''''")


def to_text(labels: Sequence[int]) -> str:
    """Return the text of label indices (without blanks)."""
    return "".join(ALPHABET[label] for label in labels)


def to_labels(text: str) -> tuple[int, ...]:
    """Return the label indices of a normalised text."""
    return tuple(ALPHABET.index(letter) for letter in text)


def normalise_transcript(text: str) -> str:
    """Return a transcript in the network's alphabet: lower case, no accents, punctuation and runs of blanks one blank.

    Numbers are not spelt out: a digit is an error, since a wrong guess would count as word errors.

    Raises:
        InputError: a character has no counterpart in the alphabet (named), or no word is left.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).lower()
    letters = []
    for letter in plain:
        if letter in ALPHABET:
            letters.append(letter)
        elif letter.isspace() or unicodedata.category(letter).startswith("P"):
            letters.append(" ")
        elif not unicodedata.combining(letter):
            raise InputError(f"the transcript holds {letter!r}", "Write words in a to z, numbers as words")
    normalised = " ".join("".join(letters).split())
    if not normalised:
        raise InputError("the transcript is empty", "Write what is said, or leave the recording out")
    return normalised
