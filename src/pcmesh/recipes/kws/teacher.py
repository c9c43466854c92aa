"""The teacher of the keyword network: the DS-CNN of MLPerf Tiny, for training only.

Source: github.com/mlcommons/tiny, benchmark/training/keyword_spotting (Apache-2.0); the arrays, the features and their
checks are described in the README beside `ds_cnn.npz`.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.speech.types import KEYWORD_CLASSES

TEACHER_CLASSES = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "_silence_", "_unknown_")
_COEFFICIENTS, _MELS, _BINS, _BIN_HZ = 10, 40, 257, 31.25
_LOW_HZ, _HIGH_HZ = 20.0, 4_000.0


class Teacher:
    """A pretrained spotter whose answers are the soft labels of the student.

    Args:
        folder: holds `ds_cnn.npz`.

    Raises:
        InputError: the file is missing or not such an archive.
    """

    def __init__(self, folder: Path) -> None:
        file = folder / "ds_cnn.npz"
        if not file.is_file():
            raise InputError(f"{file}: no such file", "Give the folder of the teacher (ds_cnn.npz)")
        with np.load(file) as archive:
            self._arrays = {name: torch.from_numpy(archive[name]) for name in archive.files}
        self._order = [TEACHER_CLASSES.index(name) for name in KEYWORD_CLASSES]
        self._bank_FM = _mel_bank()
        self._cosines_MC = _cosines()

    def features(self, magnitude_BTF: Tensor, largest_B: Tensor) -> Tensor:
        """Return the teacher's cepstra (B, 49, 10).

        Args:
            magnitude_BTF: |STFT| (B, 49, 257) of the waves: periodic Hann window of 480, hop 320, 512 points.
            largest_B: largest sample (signed) of each wave.
        """
        scaled = magnitude_BTF / largest_B.clamp_min(1e-6)[:, None, None]
        return torch.log(scaled @ self._bank_FM + 1e-6) @ self._cosines_MC

    @torch.no_grad()
    def logits(self, features_BTC: Tensor) -> Tensor:
        """Return logits (B, 12) in the order of `KEYWORD_CLASSES`."""
        arrays = self._arrays
        hidden = F.pad(features_BTC[:, None], (1, 1, 4, 5))
        hidden = F.relu(F.conv2d(hidden, arrays["conv0.weight"], arrays["conv0.bias"], stride=2))
        for block in range(1, 5):
            depthwise, pointwise = f"dw{block}", f"pw{block}"
            hidden = F.conv2d(
                hidden, arrays[f"{depthwise}.weight"], arrays[f"{depthwise}.bias"], padding=1, groups=hidden.shape[1]
            )
            kernel = arrays[f"{pointwise}.weight"].reshape(64, 64, 1, 1)
            hidden = F.relu(F.conv2d(F.relu(hidden), kernel, arrays[f"{pointwise}.bias"]))
        logits = F.linear(hidden.mean((2, 3)), arrays["dense.weight"], arrays["dense.bias"])
        return logits[:, self._order]


def _mel_bank() -> Tensor:
    """Triangles that are linear in mel, not in Hz, of peak 1 (TensorFlow's)."""

    def mel(hz: np.ndarray | float) -> np.ndarray:
        return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))

    edges = np.linspace(mel(_LOW_HZ), mel(_HIGH_HZ), _MELS + 2)
    bins = mel(np.arange(_BINS) * _BIN_HZ)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0, np.minimum(rising, falling))
    bank[0] = 0
    return torch.from_numpy(bank.astype(np.float32))


def _cosines() -> Tensor:
    band, order = np.arange(_MELS)[:, None], np.arange(_COEFFICIENTS)[None]
    basis = math.sqrt(2 / _MELS) * np.cos(np.pi * order * (band + 0.5) / _MELS)
    return torch.from_numpy(basis.astype(np.float32))
