"""Matrix products with digital ends: numbers in, numbers out, the chip between (INT9 pulses in, UINT8 codes out).

Shape legend: B vectors, K rows, N columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from pcmesh.calibration.affine import Readout
from pcmesh.execution.behavioural.build import LayerBank, LayerBanks
from pcmesh.hardware import TimingSpec
from pcmesh.physics.pulse import input_ticks


@dataclass(frozen=True)
class LayerProduct:
    """One layer of a programmed and calibrated chip instance, as a function of numbers.

    Attributes:
        banks: its columns.
        readouts: how the codes of each bank become numbers.
        input_full_scale: value of an input that makes the longest pulse.
        timing: resolution of pulses and counters.
    """

    banks: LayerBanks
    readouts: tuple[Readout, ...]
    input_full_scale: float
    timing: TimingSpec

    def __call__(self, x_BK: torch.Tensor, keys_B: torch.Tensor | None) -> torch.Tensor:
        """Return the product of inputs with the layer's weights, as the chip computes it.

        Args:
            x_BK: (B, K) float32; sent as sign and UINT8 durations, magnitudes above `input_full_scale` saturate.
            keys_B: (B,) int64 noise keys, or None for no read noise.

        Returns:
            (B, N) float32; sums over rows of different groups are added here, digitally. NaN for vectors that hold a
            value that is NaN or infinite: no pulse stands for it.
        """
        ticks = input_ticks(x_BK, self.input_full_scale, self.timing)
        return _of_numbers(x_BK, _values(self.banks, self.readouts, ticks, keys_B))

    def to(self, device: torch.device | str) -> LayerProduct:
        """Return a copy on a device."""
        target = torch.device(device)
        readouts = tuple(readout.to(target) for readout in self.readouts)
        return replace(self, banks=self.banks.to(target), readouts=readouts)


@dataclass(frozen=True)
class ChainProduct:
    """Layers that hand their pulses from tile to tile, as a function of numbers; ramps make their activations.

    Attributes:
        layers: the columns of each.
        readouts: how the codes of each bank of the last become numbers.
        input_full_scale: value of an input of the first that makes the longest pulse.
        timing: resolution of pulses and counters.
    """

    layers: tuple[LayerBanks, ...]
    readouts: tuple[Readout, ...]
    input_full_scale: float
    timing: TimingSpec

    def __call__(self, x_BK: torch.Tensor, keys_B: torch.Tensor | None) -> torch.Tensor:
        """Return what the last layer gives (B, N); arguments as `LayerProduct`."""
        ticks = input_ticks(x_BK, self.input_full_scale, self.timing)
        for banks in self.layers[:-1]:
            ticks = banks.run(ticks, keys_B)[0]
        return _of_numbers(x_BK, _values(self.layers[-1], self.readouts, ticks, keys_B))

    def to(self, device: torch.device | str) -> ChainProduct:
        """Return a copy on a device."""
        target = torch.device(device)
        layers = tuple(banks.to(target) for banks in self.layers)
        return replace(self, layers=layers, readouts=tuple(readout.to(target) for readout in self.readouts))


def rows_of(entry: LayerBank, values_BK: torch.Tensor) -> torch.Tensor:
    """Return what reaches the rows of a bank."""
    return values_BK if entry.rows is None else values_BK[:, entry.rows]


def codes_of(entry: LayerBank, ticks_BK: torch.Tensor, keys_B: torch.Tensor | None) -> torch.Tensor:
    """Return the codes of a bank's columns."""
    return entry.bank.run(rows_of(entry, ticks_BK), keys_B)


def _of_numbers(x_BK: torch.Tensor, out_BN: torch.Tensor) -> torch.Tensor:
    """Return outputs, but NaN where an input is NaN or infinite."""
    if math.isfinite(float(x_BK.sum())):  # a sum of finite numbers may overflow, a finite one tells
        return out_BN
    return torch.where(torch.isfinite(x_BK).all(1, keepdim=True), out_BN, torch.nan)


def _values(
    banks: LayerBanks, readouts: Sequence[Readout], ticks_BK: torch.Tensor, keys_B: torch.Tensor | None
) -> torch.Tensor:
    """Return a layer's numbers; sums over rows of different groups are added here, digitally."""
    if len(banks.banks) == 1:
        return readouts[0].values(codes_of(banks.banks[0], ticks_BK, keys_B))
    out = torch.zeros((ticks_BK.shape[0], banks.columns), dtype=torch.float32, device=ticks_BK.device)
    for entry, readout in zip(banks.banks, readouts, strict=True):
        out.index_add_(1, entry.columns, readout.values(codes_of(entry, ticks_BK, keys_B)))
    return out
