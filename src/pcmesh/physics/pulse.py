"""Pulses: input coding, what the mesh does to a width, and the OLP's counter."""

from __future__ import annotations

import numba
import numpy as np
import torch

from pcmesh.hardware import TimingSpec
from pcmesh.physics.units import MAX_PULSE_TICKS, TICKS_PER_NS


def input_ticks(values: torch.Tensor, full_scale: float, timing: TimingSpec) -> torch.Tensor:
    """Return signed pulse lengths in ticks, int32: sign + UINT8 on the preset chip (INT9).

    Args:
        values: any shape, float32.
        full_scale: the magnitude that becomes the longest pulse; larger ones saturate.
        timing: resolution and longest pulse.
    """
    step = round(timing.input_step_ns * TICKS_PER_NS)
    steps = timing.input_max_ns * TICKS_PER_NS // step
    if values.is_cpu and type(values) is torch.Tensor and values.dtype == torch.float32:
        given = values.contiguous()
        out = torch.empty(given.shape, dtype=torch.int32)
        _round_to_ticks(
            given.view(-1).numpy(), np.float32(steps / full_scale), np.float32(steps), step, out.view(-1).numpy()
        )
        return out
    codes = (values * (steps / full_scale)).round_().clamp_(-steps, steps)
    return codes.to(torch.int32).mul_(step)


@numba.njit(error_model="numpy", cache=True)
def _round_to_ticks(values, factor, steps, step, out):  # type: ignore[no-untyped-def]
    """Do in one pass what the lines above do in five; the same bits."""
    for n in range(values.shape[0]):
        code = min(max(np.rint(values[n] * factor), -steps), steps)
        out[n] = np.int32(code) * np.int32(step)


def shifted(ticks: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Return pulse widths (>= 0, int32 ticks) after a path that widens them by `shift`; no pulse stays no pulse.

    The row driver's window limits a pulse to 65,535 ticks.
    """
    wider = (ticks + shift).clamp_(0, MAX_PULSE_TICKS)
    return torch.where(ticks > 0, wider, torch.zeros_like(wider))


def olp_codes(ticks: torch.Tensor, clock_ratio: float | torch.Tensor, timing: TimingSpec) -> torch.Tensor:
    """Return what the OLP's counters hold after pulses of `ticks`, int32 (UINT8 on the preset chip).

    The counter starts half a clock after the pulse, so it rounds to the nearest count.

    Args:
        ticks: pulse lengths.
        clock_ratio: the OLP's clock period in units of the ILPs' (a number, or a tensor that broadcasts).
        timing: the counter's step and the longest pulse.
    """
    step = timing.output_step_ns * TICKS_PER_NS
    counts = torch.floor(ticks.to(torch.float64) / (step * clock_ratio) + 0.5)
    return counts.clamp_(0, int(timing.output_max_ns * TICKS_PER_NS / step)).to(torch.int32)
