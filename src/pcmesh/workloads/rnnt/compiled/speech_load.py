"""What the RNN-T's chips have to do for a set of recordings: frames and letters of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from pcmesh.errors import InputError
from pcmesh.files.reading import read_text
from pcmesh.performance import DataSet, Spread, spread_letters
from pcmesh.speech.audio import SAMPLE_RATE_HZ
from pcmesh.speech.corpora import MLPERF_LONGEST_S, Utterance, list_manifest, list_utterances, no_longer_than
from pcmesh.speech.front_ends.rnnt import feature_frames
from pcmesh.speech.sound_files import LONGEST_S

MEAN_UTTERANCES, MEAN_S, MEAN_LETTERS = 100, 6.25, 93
"""Recordings that stand in where none are given: as long, and with as many letters, as the mean of MLPerf's set."""


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """Which recordings, and when their letters are written.

    Attributes:
        manifest: MLPerf's manifest; its recordings need not be there.
        data: folder of recordings with transcripts.
        decoded: result of `pcmesh rnnt transcribe` or `evaluate`: its letters, at the frames where they were written.
        longest_s: longer ones are left out.
        utterances: only the first of them; None: all.
        letters: how letters are spread over the frames, which transcripts do not tell.
        seed: of their frames.
        stack: frames of 30 ms in one of 60 ms.
    """

    manifest: Path | None = None
    data: Path | None = None
    decoded: Path | None = None
    longest_s: float = MLPERF_LONGEST_S
    utterances: int | None = None
    letters: Spread = "spoken"
    seed: int = 0
    stack: int = 2


def speech_load(options: LoadOptions) -> DataSet:
    """Return frames and letters of a set of recordings, from their lengths and transcripts.

    Raises:
        InputError: the manifest or the folder cannot be read, or nothing in it is short enough.
    """
    if options.decoded is not None:
        return _decoded_load(options.decoded, options.utterances)
    kept, described = _choose(options)
    frames = np.array([feature_frames(round(one.duration_s * SAMPLE_RATE_HZ)) for one in kept], dtype=np.int64)
    letters = [len(one.text) for one in kept]
    names = [f"{one.path.parent.name}/{one.path.name}" for one in kept]
    return DataSet(
        frames=frames,
        audio_s=sum(one.duration_s for one in kept),
        letters=spread_letters(letters, -(-frames // options.stack), names, options.seed, options.letters),
        described=described,
    )


_MOST_FRAMES = round(LONGEST_S * 100)


class _Decoded(BaseModel):
    """What is read of a result."""

    class Utterance(BaseModel):
        duration_s: float = Field(gt=0, le=LONGEST_S)
        feature_frames: int = Field(ge=1, le=_MOST_FRAMES)
        encoder_frames: int = Field(ge=1, le=_MOST_FRAMES)
        letter_frames: tuple[Annotated[int, Field(ge=0)], ...]

    utterances: tuple[Utterance, ...] = Field(min_length=1)


def _decoded_load(path: Path, first: int | None) -> DataSet:
    try:
        kept = _Decoded.model_validate_json(read_text(path)).utterances[:first]
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InputError(
            f"{path}: no result of decoding ({where}: {error.errors()[0]['msg']})",
            "Make one: pcmesh rnnt transcribe FILES --json FILE",
        ) from error
    outside = [one for one in kept if one.letter_frames and max(one.letter_frames) >= one.encoder_frames]
    if outside:
        raise InputError(f"{path}: a letter at frame {max(outside[0].letter_frames)} of {outside[0].encoder_frames}")
    letters = [np.bincount(np.array(one.letter_frames, dtype=int), minlength=one.encoder_frames) for one in kept]
    return DataSet(
        frames=np.array([one.feature_frames for one in kept], dtype=np.int64),
        audio_s=sum(one.duration_s for one in kept),
        letters=np.concatenate(letters).astype(np.int64),
        described=f"{len(kept):,} recordings as decoded in {path}",
    )


def _choose(options: LoadOptions) -> tuple[Sequence[Utterance], str]:
    if options.manifest is None and options.data is None:
        count = options.utterances or MEAN_UTTERANCES
        made = [Utterance(path=Path(f"mean/{n}"), text="a" * MEAN_LETTERS, stated_s=MEAN_S) for n in range(count)]
        return made, f"{count:,} stand-ins of {MEAN_S} s with {MEAN_LETTERS} letters (the mean of MLPerf's set)"
    listed = list_utterances(options.data) if options.manifest is None else list_manifest(options.manifest)  # type: ignore[arg-type]
    kept = no_longer_than(listed, options.longest_s)[: options.utterances]
    source = options.manifest or options.data
    if not kept:
        raise InputError(f"{source}: no recording of at most {options.longest_s:g} s", "Give other recordings")
    return kept, f"{len(kept):,} of {len(listed):,} recordings of {source}"
