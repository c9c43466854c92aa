"""The word error rate of the RNN-T in software, and the counts that the performance model needs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pcmesh.analysis.word_errors import word_errors
from pcmesh.errors import InputError
from pcmesh.progress import Progress
from pcmesh.speech.corpora import Utterance, list_manifest, list_utterances, no_longer_than
from pcmesh.workloads.rnnt.listening.transcribe import Transcript, transcribe
from pcmesh.workloads.rnnt.network import RnntNetwork


def choose_utterances(
    data: Path | None, manifest: Path | None, longest_s: float, first: int | None
) -> tuple[list[Utterance], int]:
    """Return the utterances to transcribe, and how many were left out as longer than `longest_s`.

    Args:
        data: folder in one of the layouts; with a manifest, the folder of its recordings.
        manifest: MLPerf's manifest.
        longest_s: longest recording that is taken.
        first: take only so many of the rest; None: all.

    Raises:
        InputError: neither layout fits (`list_utterances`, `list_manifest`), nothing is left, or files are missing.
    """
    if manifest is not None:
        listed = list_manifest(manifest, data)
    elif data is not None:
        listed = list_utterances(data)
    else:
        raise InputError("no recordings given", "Give a folder (--data DIR) or MLPerf's manifest (--manifest FILE)")
    kept = no_longer_than(listed, longest_s)
    if not kept:
        raise InputError(
            f"{manifest or data}: no recording of at most {longest_s:g} s among {len(listed)}", "Allow longer ones"
        )
    missing = [utterance.path for utterance in kept[:first] if not utterance.path.is_file()]
    if missing:
        raise InputError(
            f"{missing[0]}: no such recording ({len(missing):,} of {len(kept[:first]):,} are missing)",
            "Name the folder that the manifest's paths begin in: --data DIR",
        )
    return kept[:first], len(listed) - len(kept)


def evaluate(network: RnntNetwork, utterances: Sequence[Utterance], report: Progress) -> dict[str, Any]:
    """Transcribe a set and compare; docs/rnnt.md describes the result's keys.

    Args:
        network: from `load_speech_network`.
        utterances: at least one.
        report: is told the progress.

    Raises:
        InputError: a recording cannot be used (named).
    """
    durations_s = [utterance.duration_s for utterance in utterances]
    started_s = time.perf_counter()
    transcripts = transcribe(network, [utterance.path for utterance in utterances], report, durations_s)
    computing_s = time.perf_counter() - started_s
    total = word_errors([utterance.text for utterance in utterances], [one.text for one in transcripts])
    return {
        "engine": "float",
        "n_utterances": len(utterances),
        "wer": total.rate,
        "word_errors": total.errors,
        **asdict(total),
        "characters": sum(len(utterance.text) for utterance in utterances),
        **_counts(transcripts),
        "computing_s": computing_s,
        "utterances": [_line(*pair) for pair in zip(utterances, transcripts, strict=True)],
    }


def _counts(transcripts: Sequence[Transcript]) -> dict[str, Any]:
    found = [one.recognised for one in transcripts]
    return {
        "audio_s": sum(one.duration_s for one in transcripts),
        "feature_frames": sum(one.feature_frames for one in found),
        "encoder_frames": sum(one.encoder_frames for one in found),
        "letters": sum(len(one.labels) for one in found),
        "decoder_steps": sum(one.decoder_steps for one in found),
        "prediction_calls": sum(one.prediction_calls for one in found),
        "capped_frames": sum(one.capped_frames for one in found),
    }


def _line(utterance: Utterance, transcript: Transcript) -> dict[str, Any]:
    errors = word_errors([utterance.text], [transcript.text])
    return {**transcript.as_json(), "reference": utterance.text, "words": errors.words, "word_errors": errors.errors}
