"""Recordings for those who have none: held-out sentences in held-out synthetic voices, written to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from pcmesh.speech.audio import SAMPLE_RATE_HZ
from pcmesh.speech.corpora import Utterance
from pcmesh.speech.sentences import HeldOutSplit
from pcmesh.speech.voices.spoken import held_out_speech


@contextmanager
def synthetic_utterances(
    count: int | None = None, seed: int = 0, split: HeldOutSplit = "test"
) -> Iterator[list[Utterance]]:
    """Make the utterances of a split as 16-bit recordings that exist until the block is left.

    Args:
        count: so many of the first; None: all (test: 1,000; validation: 400).
        seed: of the stream `data`.
        split: which sentences and voices: `test`, or `validation`, on which settings are chosen.
    """
    with TemporaryDirectory(prefix="pcmesh-") as folder:
        utterances = []
        for number, spoken in enumerate(held_out_speech(split, count, seed)):
            path = Path(folder) / f"synthetic-{number:04d}.flac"
            soundfile.write(path, spoken.wave, SAMPLE_RATE_HZ)
            duration_s = len(spoken.wave) / SAMPLE_RATE_HZ
            utterances.append(Utterance(path=path, text=spoken.text, stated_s=duration_s))
        yield utterances
