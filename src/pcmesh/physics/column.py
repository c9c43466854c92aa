"""A column: charge on the capacitor, the shared ramp, the comparator; elementwise, so exact in any batch.

Shape legend: B batch, C columns. Only single additions and multiplications of float32 are used, in a fixed order:
the compiled kernel of the behavioural engine repeats them bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pcmesh.files.artefact import Artefact
from pcmesh.hardware import ChipSpec
from pcmesh.physics.fabrication import TileFabric
from pcmesh.physics.units import (
    CURRENT_FULL_SCALE_G,
    CURRENT_LEVELS,
    SLOPE_CODES_PER_NS_PER_V,
    TICKS_PER_NS,
    steps_per_g_max,
)


class RampSetting(Artefact):
    """How a bank of capacitors is read: what the local controller sets before a conversion.

    Attributes:
        capacitor_units: capacitors connected per column.
        slope_code: ns of output per volt, in steps of 1/16.
        zero_ticks: length of the output pulse for zero charge (half scale for linear outputs, about 0 for ReLU, where
            the trim may make it slightly negative: small charges then give no pulse).
    """

    capacitor_units: int
    slope_code: int
    zero_ticks: int


@dataclass(frozen=True)
class ColumnParameters:
    """Everything a conversion needs, (C,) float32 each.

    Attributes:
        volts_per_charge: V per (conductance step x tick), with the column's gain.
        loss_per_current: relative loss of charge per (current level x tick).
        volts2_per_variance: V² per (variance level x tick²).
        noise_v2: V² of kT/C, comparator and jitter noise.
        swing_v: saturation of the capacitor.
        offset_v: comparator offset.
        ticks_per_volt, zero_ticks, full_scale_ticks, bow_ticks: the ramp.
    """

    volts_per_charge: torch.Tensor
    loss_per_current: torch.Tensor
    volts2_per_variance: torch.Tensor
    noise_v2: torch.Tensor
    swing_v: torch.Tensor
    offset_v: torch.Tensor
    ticks_per_volt: torch.Tensor
    zero_ticks: torch.Tensor
    full_scale_ticks: torch.Tensor
    bow_ticks: torch.Tensor


def column_parameters(
    chip: ChipSpec, fabric: TileFabric, setting: RampSetting, variance_unit: float, pairs: int
) -> ColumnParameters:
    """Return the parameters of the columns of a bank.

    Charge: Q = G·V_read·t through the mirror onto the capacitor; µS x V x ns = fC (paper: Methods, On-chip data
    conversion). The loss by compression refers to the mean current of the pairs driven.

    Args:
        chip: the chip.
        fabric: the tile whose capacitors, ramp and comparators are used.
        setting: what the local controller sets.
        variance_unit: g_max² of one level of `CellArrays.variance`.
        pairs: device pairs driven one after the other (2 for AB and full 2-PCM, 1 for 4-PCM and half 2-PCM).
    """
    column = chip.column
    farad = column.capacitor_unit_ff * setting.capacitor_units
    volts_per_g_ns = chip.pcm.g_max_us * column.read_voltage_v * column.mirror_ratio / farad
    volts_per_g_tick = volts_per_g_ns / TICKS_PER_NS
    per_level = CURRENT_FULL_SCALE_G / CURRENT_LEVELS
    reference = column.compression_reference * chip.timing.input_max_ns * TICKS_PER_NS * pairs
    ticks_per_volt = setting.slope_code / SLOPE_CODES_PER_NS_PER_V * TICKS_PER_NS
    jitter_v = chip.mesh.jitter_ns * TICKS_PER_NS / max(ticks_per_volt, 1e-9)
    full_scale = float(chip.timing.output_max_ns * TICKS_PER_NS)

    def spread(value: float) -> torch.Tensor:
        return torch.full_like(fabric.gain, value)

    return ColumnParameters(
        volts_per_charge=fabric.gain * (volts_per_g_tick / steps_per_g_max(chip.pcm)),
        loss_per_current=fabric.compression * (per_level / reference),
        volts2_per_variance=(fabric.gain * volts_per_g_tick) ** 2 * variance_unit,
        noise_v2=spread((column.noise_mv * 1e-3) ** 2 + 2 * jitter_v**2),
        swing_v=spread(column.swing_v),
        offset_v=fabric.offset_v,
        ticks_per_volt=spread(ticks_per_volt),
        zero_ticks=spread(float(setting.zero_ticks)),
        full_scale_ticks=spread(full_scale),
        bow_ticks=spread(4.0 * fabric.ramp_bow * full_scale),
    )


def capacitor_volts(
    charge: torch.Tensor, current: torch.Tensor, noise_v: torch.Tensor | None, column: ColumnParameters
) -> torch.Tensor:
    """Return the voltage (relative to the precharge) after integration, (B, C) float32.

    V = clip(Q·a·(1 - κ·I) + noise, ± swing).

    Args:
        charge: (B, C) int64, conductance steps x ticks.
        current: (B, C) int64, current levels x ticks.
        noise_v: (B, C) float32, V, or None.
        column: the columns.
    """
    volts = charge.to(torch.float32) * column.volts_per_charge
    loss = current.to(torch.float32) * column.loss_per_current
    volts = volts * (1.0 - loss)
    if noise_v is not None:
        volts = volts + noise_v
    return torch.maximum(torch.minimum(volts, column.swing_v), -column.swing_v)


def ramp_ticks(volts: torch.Tensor, column: ColumnParameters) -> torch.Tensor:
    """Return the length of the output pulses in ticks, (B, C) int32, between 0 and full scale.

    t = zero + (V + offset)·slope, plus the ramp's bow 4·b·u·(1 - u) with u = t / full scale.
    """
    ticks = (volts + column.offset_v) * column.ticks_per_volt
    ticks = ticks + column.zero_ticks
    part = ticks / column.full_scale_ticks
    bow = part * (1.0 - part)
    ticks = ticks + bow * column.bow_ticks
    zero = torch.zeros((), dtype=torch.float32, device=ticks.device)
    return torch.round(torch.maximum(torch.minimum(ticks, column.full_scale_ticks), zero)).to(torch.int32)
