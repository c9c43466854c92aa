"""What time does to programmed devices: drift, and fluctuations slower than a read."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
import torch

from pcmesh.devices import Retention, law_of
from pcmesh.hardware import PcmSpec
from pcmesh.physics.normal import normal
from pcmesh.physics.units import MAX_STEPS, STEPS_PER_G_MAX


@numba.njit(parallel=True, cache=True)
def _age(g, key, mean, spread, log_time, shift, slow, out):  # type: ignore[no-untyped-def]
    for i in numba.prange(g.shape[0]):
        for j in range(g.shape[1]):
            step = g[i, j]
            device = np.uint64(2 * (i * g.shape[1] + j))
            exponent = abs(mean[step] + spread[step] * normal(key, device))
            aged = np.float32(step) * np.exp(-exponent * log_time)
            aged += shift[step]
            aged += slow[step] * normal(key, device + np.uint64(1))
            out[i, j] = np.int16(max(min(np.rint(aged), MAX_STEPS), 0))


def age(g: torch.Tensor, time_s: float, key: int, pcm: PcmSpec, first_age_s: float | None = None) -> torch.Tensor:
    """Return conductances `time_s` after they counted for the first time: when the chip was calibrated.

    What time does is their law's (`pcmesh.devices.Retention`), from their age t_c at calibration on, with the chip's
    factor on the exponents. The same key gives each device the same exponent and the same fluctuation at every time.
    Devices that are written again later begin at a younger age t_c, so that they drift faster.

    Args:
        g: any shape, int16 steps of g_max / 9,600.
        time_s: time since calibration, or since they were written again; 0 returns `g`, as devices without noise do.
        key: the tile's drift stream.
        pcm: device parameters.
        first_age_s: t_c; None: `pcm.calibration_age_s`.
    """
    if time_s <= 0 or law_of(pcm).exact:
        return g
    flat = g.reshape(-1, g.shape[-1])
    out = np.empty(flat.shape, np.int16)
    tables = _tables(time_s, pcm, first_age_s or pcm.calibration_age_s)
    _age(flat.numpy(), np.uint64(key), *tables, out)  # type: ignore[call-arg]
    return torch.from_numpy(out).view(g.shape)


@lru_cache(64)
def _tables(time_s: float, pcm: PcmSpec, first_age_s: float) -> tuple[Any, ...]:
    """Return what `_age` needs of a time: exponents' mean and spread, log time, shift and slow noise, in steps."""
    left = _retention(np.arange(MAX_STEPS + 1) / STEPS_PER_G_MAX, time_s, pcm, first_age_s)
    exponents = (pcm.drift_scale * table for table in (left.exponent, left.exponent_sigma))
    mean, spread = (table.astype(np.float32) for table in exponents)
    shift, slow = ((table * STEPS_PER_G_MAX).astype(np.float32) for table in (left.shift, left.sigma))
    return mean, spread, np.float32(left.log_time), shift, slow


def expected_share(g: torch.Tensor, time_s: float, pcm: PcmSpec) -> float:
    """Return which share of all conductance is left on average `time_s` after the chip was calibrated.

    Args:
        g: any shape, conductances when calibrated, in units of g_max.
        time_s: time since calibration.
        pcm: device parameters.
    """
    if time_s <= 0 or law_of(pcm).exact:
        return 1.0
    levels = g.abs().double().flatten().numpy()
    retention = _retention(levels, time_s, pcm, pcm.calibration_age_s)
    left = levels * np.exp(-pcm.drift_scale * retention.exponent * retention.log_time) + retention.shift
    return float(left.sum() / max(levels.sum(), 1e-12))


def _retention(g: np.ndarray, time_s: float, pcm: PcmSpec, first_age_s: float) -> Retention:
    return law_of(pcm).retention(g, time_s, first_age_s, pcm.read_noise_window_s)
