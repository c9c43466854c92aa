"""The behavioural engine's two elementwise passes in PyTorch: any device, the same bits as the compiled kernels."""

from __future__ import annotations

import torch

from pcmesh.physics.column import ColumnParameters, capacitor_volts, ramp_ticks
from pcmesh.physics.normal import normals
from pcmesh.physics.pulse import shifted


def split(ticks: torch.Tensor, digits: int, signed: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return int8 planes (kinds, digits, B, K), squared lengths (B, K) int8 and their exponents (B,) int32.

    Kinds are the positive part, the negative part and the magnitude of signed inputs, or the input alone. Squares are
    ns² in 8 bits with one exponent per row of the batch. All int8 values are shifted by -128.
    """
    kinds = [ticks.clamp(min=0), (-ticks).clamp(min=0), ticks.abs()] if signed else [ticks]
    shifts = (8, 0)[:digits]
    planes = torch.stack([torch.stack([((kind >> s) & 255) - 128 for s in shifts]) for kind in kinds])
    length = (ticks.abs() + 128) >> 8
    largest = length.amax(1).long() ** 2
    exponents = torch.zeros_like(largest)
    for _ in range(9):
        exponents += (largest >> exponents) > 255
    half = (1 << exponents) >> 1
    squares = ((length.long() ** 2 + half[:, None]) >> exponents[:, None]).clamp(max=255) - 128
    return planes.to(torch.int8), squares.to(torch.int8), exponents.to(torch.int32)


def charges(positive: torch.Tensor, negative: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """Return the charge (B, N) int64 from products of digits, (digits, B, 2N or 3N) int32."""
    total = torch.zeros_like(offset)
    for products in (positive, negative):
        for digit, product in enumerate(products.long()):
            joined = torch.zeros_like(offset)
            for plane in torch.split(product, len(offset), dim=1):
                joined = (joined << 8) + plane
            total = total + (256 if digit == 0 else 1) * joined
    return total + offset


def noise_volts(
    products: torch.Tensor,
    exponents: torch.Tensor,
    bias: torch.Tensor,
    column: ColumnParameters,
    keys: torch.Tensor,
    counters: torch.Tensor,
) -> torch.Tensor:
    """Return read and conversion noise in V, (B, N) float32.

    Args:
        products: (B, N) int32 variance levels x squared lengths.
        exponents: (B,) int32 of the squared lengths.
        bias: (N,) float32, what the bias rows add, levels x ticks².
        column: the columns.
        keys, counters: (B,) and (N,) int64 of the noise.
    """
    unit = (65536 << exponents.long()).to(torch.float32)
    levels = products.to(torch.float32) * unit[:, None] + bias
    sigma = torch.sqrt(levels * column.volts2_per_variance + column.noise_v2)
    return normals(keys[:, None], counters[None]) * sigma


def output_pulses(
    charge: torch.Tensor, current: torch.Tensor, noise_v: torch.Tensor | None, column: ColumnParameters
) -> torch.Tensor:
    """Return output pulses in ticks, (B, N) int32."""
    return ramp_ticks(capacitor_volts(charge, current, noise_v, column), column)


def olp_counts(ticks: torch.Tensor, shift: torch.Tensor, step: torch.Tensor, largest: int) -> torch.Tensor:
    """Return OLP codes (B, N) int32; `step` (N,) float64 is one count in ticks."""
    arrived = shifted(ticks, shift)
    codes = torch.floor(arrived.to(torch.float64) / step + 0.5).to(torch.int32)
    return codes.clamp_(0, largest)
