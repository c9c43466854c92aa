"""Flite's voices built from recordings of three speakers, and one of diphones: Debian's `flite`, for training only."""

from __future__ import annotations

import io
import shutil
import subprocess

import numpy as np
import numpy.typing as npt
import soundfile

from pcmesh.errors import InputError

FLITE_VOICES = ("awb", "rms", "slt", "kal16")


def flite_available() -> bool:
    """Say whether flite is installed."""
    return shutil.which("flite") is not None


def speak_flite(text: str, voice: str, stretch: float = 1.0) -> tuple[npt.NDArray[np.float32], int]:
    """Say a text.

    Args:
        text: what to say.
        voice: one of `FLITE_VOICES`.
        stretch: duration against the voice's own.

    Returns:
        samples (n,) in [-1, 1] and the sample rate in Hz.

    Raises:
        InputError: flite is missing or fails.
    """
    command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}", "-t", text, "-o", "/dev/stdout"]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"flite did not speak ({error})", "Debian, Ubuntu: apt install flite") from error
    samples, rate_hz = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    return samples, int(rate_hz)
