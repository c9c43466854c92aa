"""Affine read-out: what turns a column's OLP code back into a number, fitted on frames whose result is known.

Shape legend: B calibration frames, N columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pcmesh.calibration.fit import fit_columns
from pcmesh.calibration.ranges import LayerRange
from pcmesh.hardware import ChipSpec
from pcmesh.physics.column import RampSetting
from pcmesh.physics.units import TICKS_PER_NS


@dataclass(frozen=True)
class Readout:
    """Value of a column = slope * code + offset; (N,) float32 each."""

    slope: torch.Tensor
    offset: torch.Tensor

    def values(self, codes_BN: torch.Tensor) -> torch.Tensor:
        """Return the values (B, N) float32 of codes (B, N)."""
        return torch.addcmul(self.offset, codes_BN.to(torch.float32), self.slope)

    def to(self, device: torch.device) -> Readout:
        """Return a copy on a device."""
        return Readout(self.slope.to(device), self.offset.to(device))


def fit_readout(
    codes_BN: torch.Tensor, expected_BN: torch.Tensor, span: LayerRange, ramp: RampSetting, chip: ChipSpec
) -> Readout:
    """Fit the affine coefficients of columns (paper: Methods, "shift and scale"; 2,000 frames of the training set).

    The fit predicts the expected value from the code, so that its noise is not amplified. Codes at either end of
    the counter do not count; a column that hardly varies keeps its nominal slope.

    Args:
        codes_BN: int32 OLP codes.
        expected_BN: float32 products in software.
        span, ramp: the layer's range and the ramp's setting, for the nominal scale.
        chip: the chip.
    """
    step = round(chip.timing.output_step_ns * TICKS_PER_NS)
    largest = chip.timing.output_max_ns * TICKS_PER_NS // step
    ends = span.values(torch.tensor([0, step]), ramp)
    unit, start = float(ends[1] - ends[0]), float(ends[0])
    inside = ((codes_BN > 0) & (codes_BN < largest)).to(torch.float32)
    fit = fit_columns(expected_BN, codes_BN.to(torch.float32) * unit + start, inside)
    return Readout(fit.slope * unit, fit.offset + fit.slope * start)
