"""Recordings as users have them: any sample rate, channel count and sample width, read to mono float."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.speech.sound_files import decode

SAMPLE_RATE_HZ = 16_000


def load_audio(path: str | Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Tensor:
    """Read a recording as mono samples in [-1, 1] at the wanted rate.

    Channels are averaged; another rate is resampled with soxr. A silent file (all zeros) is legal: a spotter hears
    it as `_silence_`.

    Args:
        path: a file of any format that libsndfile reads (wav, flac, ogg, mp3, aiff, ...) and any width of samples.
        sample_rate_hz: rate of the result.

    Returns:
        float32 (samples,).

    Raises:
        InputError: the file is missing, not audio, cut off, empty, or holds NaN or infinite samples.
    """
    file = Path(path)
    mono, rate_hz = decode(file)
    if mono.shape[0] == 0:
        raise InputError(f"{file}: holds 0 samples", "Give a recording with at least one sample")
    if not np.isfinite(mono).all():
        raise InputError(f"{file}: holds NaN or infinite samples", "Export the recording again as 16-bit wav")
    count = mono.shape[0]
    if rate_hz != sample_rate_hz:
        mono = soxr.resample(mono, rate_hz, sample_rate_hz, quality="HQ")
    if mono.shape[0] == 0:
        raise InputError(
            f"{file}: {count} samples at {rate_hz} Hz are none at {sample_rate_hz} Hz", "Give a longer recording"
        )
    return torch.from_numpy(np.ascontiguousarray(mono, dtype=np.float32))
