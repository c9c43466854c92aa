from __future__ import annotations

import pytest

from pcmesh.errors import InputError
from pcmesh.speech.transcripts import ALPHABET, BLANK, normalise_transcript, to_labels, to_text


def test_the_labels_are_mlperfs() -> None:
    assert (len(ALPHABET), BLANK) == (28, 28)
    assert to_labels(" az'") == (0, 1, 26, 27)
    assert to_text((8, 5, 12, 12, 15, 0, 27)) == "hello '"


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("MISTER QUILTER'S MANNER", "mister quilter's manner"),
        ("  Don\u2019t -- stop,\tnow! ", "don't stop now"),
        ("café Ångström", "cafe angstrom"),
        ("well-known", "well known"),
    ],
)
def test_transcripts_become_letters(text: str, normalised: str) -> None:
    assert normalise_transcript(text) == normalised


@pytest.mark.parametrize(("text", "named"), [("room 7", "'7'"), ("5 €", "'5'"), ("ß", "'ß'")])
def test_what_has_no_letter_is_named(text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        normalise_transcript(text)


@pytest.mark.parametrize("text", ["", "  ", "..."])
def test_an_empty_transcript_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="empty"):
        normalise_transcript(text)
