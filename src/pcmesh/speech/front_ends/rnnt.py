"""The front end of the RNN-T: a recording to frames of 240 features, one every 30 ms, as MLPerf's reference has them.

Each utterance is computed by itself: padding waves to a batch would change the frames at their ends.

Shapes: N samples, K frames of 10 ms, F frequency bins, M mel bands, T spliced frames of 30 ms.
Source: MLPerf inference, RNN-T reference (`parts/features.py`, `rnnt.toml`).
"""

from __future__ import annotations

from functools import cache

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.speech.audio import SAMPLE_RATE_HZ

STRIDE_SAMPLES, WINDOW_SAMPLES, N_FFT, N_MELS = 160, 320, 512, 80
SPLICE = 3
FEATURES = SPLICE * N_MELS
PRE_EMPHASIS = 0.97
DITHER = 1e-5
LOG_FLOOR, DEVIATION_FLOOR = 1e-20, 1e-5

SHORTEST_SAMPLES = SPLICE * STRIDE_SAMPLES + 1
"""Two spliced frames: of one alone there is no standard deviation (nor, below 257 samples, a reflected edge)."""


def feature_frames(samples: int) -> int:
    """Return how many spliced frames (30 ms) a recording at 16 kHz has: ceil(ceil(samples / 160) / 3)."""
    frames = -(-samples // STRIDE_SAMPLES)
    return -(-frames // SPLICE)


@cache
def mel_filters() -> Tensor:
    """Return the mel filters (80, 257) float32: Slaney's scale and norm, 0 to 8 kHz."""
    filters = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=N_FFT, n_mels=N_MELS, fmin=0.0, fmax=SAMPLE_RATE_HZ / 2)
    return torch.from_numpy(np.ascontiguousarray(filters, dtype=np.float32))


@cache
def window() -> Tensor:
    """Return the symmetric Hann window (320,) float32."""
    return torch.hann_window(WINDOW_SAMPLES, periodic=False)


def rnnt_features(wave_N: Tensor, name: str = "the recording") -> Tensor:
    """Return the normalised, spliced log-mel features of one recording.

    Args:
        wave_N: float32 (N,), samples in [-1, 1] at 16 kHz.
        name: what an error calls the recording.

    Returns:
        float32 (T, 240), T = `feature_frames(N)`; each feature has mean 0 and standard deviation 1 over the T frames.

    Raises:
        InputError: the recording is shorter than 481 samples (30 ms).
    """
    samples = wave_N.shape[0]
    if samples < SHORTEST_SAMPLES:
        raise InputError(
            f"{name}: {samples} samples at 16 kHz ({1000 * samples / SAMPLE_RATE_HZ:.1f} ms) are too short",
            f"Give at least {SHORTEST_SAMPLES} samples (just over 30 ms)",
        )
    return normalise(splice(log_mel(wave_N)), feature_frames(samples))


def log_mel(wave_N: Tensor) -> Tensor:
    """Return ln of the mel powers (K, 80) of a wave (N,): K = 1 + N // 160 frames, centred, edges reflected.

    The dither is deterministic: its power is added to each bin.
    """
    emphasised_N = torch.cat((wave_N[:1], wave_N[1:] - PRE_EMPHASIS * wave_N[:-1]))
    spectrum_FK = torch.stft(
        emphasised_N,
        N_FFT,
        hop_length=STRIDE_SAMPLES,
        win_length=WINDOW_SAMPLES,
        window=window().to(wave_N),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    power_FK = spectrum_FK.real.square() + spectrum_FK.imag.square() + DITHER**2
    logs_MK = torch.log(mel_filters().to(wave_N) @ power_FK + LOG_FLOOR)
    return logs_MK.T


def splice(logs_KM: Tensor) -> Tensor:
    """Return each third frame with its two successors, (ceil(K / 3), 3 M); past the end there are zeros.

    No frame is cut before: where N is a multiple of 160, the STFT's extra frame fills the last splice.
    """
    frames, bands = logs_KM.shape
    return F.pad(logs_KM, (0, 0, 0, -frames % SPLICE)).reshape(-1, SPLICE * bands)


def normalise(spliced_TM: Tensor, frames: int) -> Tensor:
    """Return the first `frames` frames, each feature shifted and scaled by their mean and unbiased deviation."""
    kept_TM = spliced_TM[:frames]
    return (kept_TM - kept_TM.mean(dim=0)) / (kept_TM.std(dim=0) + DEVIATION_FLOOR)
