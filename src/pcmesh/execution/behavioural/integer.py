"""Exact integer matrix products from 8-bit ones.

A matrix of 16-bit integers is two planes of int8 digits (M = 256·high + low), one of 24 bits three; inputs are UINT8
digits, shifted by 128 into int8. The products accumulate in int32 without rounding, so a result does not depend on
batch, order or threads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

_CUDA_ROWS = 32
_CUDA_MULTIPLE = 16


def digit_planes(matrix: torch.Tensor, digits: int = 2) -> torch.Tensor:
    """Return the int8 digits of an integer matrix as rows of a transposed, contiguous store.

    Args:
        matrix: (K, N) integers, magnitude at most 127·256^(digits - 1).
        digits: how many.

    Returns:
        (digits·N, K) int8: N rows of the highest digits first, N rows of the lowest last.
    """
    rest = matrix.to(torch.int32).t()
    planes = []
    for _ in range(digits - 1):
        higher = (rest + 128) >> 8
        planes.append(rest - (higher << 8))
        rest = higher
    return torch.cat([rest, *reversed(planes)]).to(torch.int8).contiguous()


def int8_product(left: torch.Tensor, right_t: torch.Tensor) -> torch.Tensor:
    """Return left @ right_t.T exactly, (M, N) int32, for int8 (M, K) and (N, K)."""
    if left.shape[1] == 1:  # the CPU's product reads a single column with the wrong stride
        left, right_t = F.pad(left, (0, 1)), F.pad(right_t, (0, 1))
    if left.device.type == "cpu":
        return torch._int_mm(left, right_t.t())
    rows, columns = left.shape[0], right_t.shape[0]
    depth = -left.shape[1] % _CUDA_MULTIPLE
    left = F.pad(left, (0, depth, 0, max(_CUDA_ROWS - rows, 0)))
    right_t = F.pad(right_t, (0, depth, 0, -columns % _CUDA_MULTIPLE))
    return torch._int_mm(left, right_t.t())[:rows, :columns]
