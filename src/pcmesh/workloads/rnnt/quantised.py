"""Weights in 8 bits with one scale for each row, as the shipped files hold them: a quarter of the size of float32.

A matrix `key` (rows, columns) is int8, and `key.scale` (rows,) float32 is what one step is worth; biases are float32.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".scale"
_LARGEST = 127


def quantise_rows(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return matrices as int8 with scales, other tensors as they are."""
    found = {}
    for key, value in tensors.items():
        if value.dim() != 2:
            found[key] = value
            continue
        scale = (value.abs().amax(1) / _LARGEST).clamp_min(torch.finfo(torch.float32).tiny).float()
        found[key] = (value / scale[:, None]).round().clamp(-_LARGEST, _LARGEST).to(torch.int8)
        found[key + SCALE] = scale
    return found


def restore_rows(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with each int8 matrix that has its scales as float32; all others as they are."""
    found = {}
    for key, value in tensors.items():
        scale = tensors.get(key + SCALE)
        if key.endswith(SCALE) and key.removesuffix(SCALE) in tensors:
            continue
        fits = scale is not None and value.dtype == torch.int8 and scale.shape == value.shape[:1]
        found[key] = value.float() * scale[:, None] if fits and scale is not None else value
    return found
