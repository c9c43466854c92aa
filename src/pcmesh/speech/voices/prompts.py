"""Real speech with transcripts: the telephone prompts of Asterisk, one speaker, 16 kHz (Debian packages, CC BY-SA 3.0).

Packages: `asterisk-core-sounds-en-g722` (recordings by Allison Smith) and `asterisk-core-sounds-en` (what she says).
"""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pcmesh.errors import InputError
from pcmesh.speech.transcripts import normalise_transcript

RECORDINGS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
TRANSCRIPTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NO_PLAIN_TEXT = re.compile(r"[\[\](){}<>@#$%&+=/\\]|\d\d|[A-Z]{2}")
_HELD_OUT_OF_256 = 51


def prompt_transcripts(
    split: Literal["train", "test"], recordings: Path = RECORDINGS, transcripts: Path = TRANSCRIPTS
) -> dict[Path, str]:
    """Return recording -> what is said, of the prompts whose transcript is plain words; a fifth of them are for tests.

    A text that several prompts share is in one split only.

    Raises:
        InputError: the packages are not installed.
    """
    if not transcripts.is_file() or not recordings.is_dir():
        raise InputError(
            f"{recordings}: no prompts",
            "Debian, Ubuntu: apt install asterisk-core-sounds-en-g722 asterisk-core-sounds-en",
        )
    found = {}
    with gzip.open(transcripts, "rt", encoding="utf-8") as lines:
        for line in lines:
            name, _, text = line.partition(":")
            file = recordings / f"{name}.g722"
            if line.startswith(";") or not file.is_file() or not text.strip() or _NO_PLAIN_TEXT.search(text):
                continue
            words = normalise_transcript(re.sub(r"\d", lambda digit: f" {_DIGITS[int(digit[0])]} ", text))
            held_out = hashlib.sha1(words.encode()).digest()[0] < _HELD_OUT_OF_256
            if held_out == (split == "test"):
                found[file] = words
    return found


def read_prompt(file: Path) -> npt.NDArray[np.float32]:
    """Return the samples (n,) in [-1, 1] of a prompt, 16 kHz.

    Raises:
        InputError: the decoder is not installed.
    """
    try:
        from G722 import G722
    except ImportError as error:
        raise InputError("the decoder of G.722 is not installed", "pip install 'pcmesh[train]'") from error
    samples = np.asarray(G722(16_000, 64_000).decode(file.read_bytes()), dtype=np.float32)
    return samples / np.float32(32_768)
