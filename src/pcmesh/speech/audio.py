"""Recordings as users have them: any sample rate, channel count and sample width, read to mono float."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import torch
from torch import Tensor

from pcmesh.errors import InputError

SAMPLE_RATE_HZ = 16_000


def load_audio(path: str | Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Tensor:
    """Read a recording as mono samples in [-1, 1] at the wanted rate.

    Channels are averaged; another rate is resampled with soxr. A silent file (all zeros) is legal: a spotter hears
    it as `_silence_`.

    Args:
        path: a wav, flac or ogg file with 8-, 16-, 24- or 32-bit or floating-point samples.
        sample_rate_hz: rate of the result.

    Returns:
        float32 (samples,).

    Raises:
        InputError: the file is missing, not audio, cut off, empty, or holds NaN or infinite samples.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such file", "Give a wav, flac or ogg file")
    _refuse_truncated_wav(file)
    samples, rate_hz = _decode(file)
    if samples.shape[0] == 0:
        raise InputError(f"{file}: holds 0 samples", "Give a recording with at least one sample")
    if not np.isfinite(samples).all():
        raise InputError(f"{file}: holds NaN or infinite samples", "Export the recording again as 16-bit wav")
    mono = samples.mean(axis=1, dtype=np.float32)
    if rate_hz != sample_rate_hz:
        mono = soxr.resample(mono, rate_hz, sample_rate_hz, quality="HQ")
    if mono.shape[0] == 0:
        raise InputError(
            f"{file}: {samples.shape[0]} samples at {rate_hz} Hz are none at {sample_rate_hz} Hz",
            "Give a longer recording",
        )
    return torch.from_numpy(np.ascontiguousarray(mono, dtype=np.float32))


def _decode(file: Path) -> tuple[npt.NDArray[np.float32], int]:
    try:
        with soundfile.SoundFile(file) as sound:
            samples = sound.read(dtype="float32", always_2d=True)
            if samples.shape[0] < sound.frames:
                raise InputError(
                    f"{file}: cut off: {sound.frames} samples announced, {samples.shape[0]} found",
                    "Copy or export the recording again",
                )
            return samples, sound.samplerate
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise InputError(
            f"{file}: cannot be read as audio ({_reason(error)})", "Give an intact wav, flac or ogg file"
        ) from error


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return str(text).strip().splitlines()[-1].rstrip(".") if str(text).strip() else type(error).__name__


def _refuse_truncated_wav(file: Path) -> None:
    """Raise InputError where a RIFF chunk promises more bytes than the file has; libsndfile reads such a file silently.

    Streams of unknown length (a data size of 0 or all ones) are let through.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        header = stream.read(12)
        if header[:4] != b"RIFF" or header[8:12] != b"WAVE":
            return
        while len(chunk := stream.read(8)) == 8:
            length = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data" and length in (0, 0xFFFFFFFF):
                return
            missing = stream.tell() + length - size
            if missing > 0:
                part = chunk[:4].decode("ascii", "replace")
                raise InputError(
                    f"{file}: cut off: its header promises {length:,} bytes of {part}, {missing:,} are missing",
                    "Copy or export the recording again",
                )
            if chunk[:4] == b"data":
                return
            stream.seek(length + length % 2, 1)
