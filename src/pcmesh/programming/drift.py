"""What time does to programmed devices: drift, and fluctuations slower than a read."""

from __future__ import annotations

import numba
import numpy as np
import torch

from pcmesh.chip import PcmSpec
from pcmesh.physics.normal import normal
from pcmesh.physics.pcm import LAWS
from pcmesh.physics.units import MAX_STEPS, STEPS_PER_G_MAX


@numba.njit(parallel=True, cache=True)
def _age(g, key, mean, spread, log_time, slow, out):  # type: ignore[no-untyped-def]
    for i in numba.prange(g.shape[0]):
        for j in range(g.shape[1]):
            step = g[i, j]
            device = np.uint64(2 * (i * g.shape[1] + j))
            exponent = abs(mean[step] + spread[step] * normal(key, device))
            aged = np.float32(step) * np.exp(-exponent * log_time)
            aged += slow[step] * normal(key, device + np.uint64(1))
            out[i, j] = np.int16(max(min(np.rint(aged), MAX_STEPS), 0))


def age(g: torch.Tensor, time_s: float, key: int, pcm: PcmSpec, first_age_s: float | None = None) -> torch.Tensor:
    """Return conductances `time_s` after they counted for the first time: when the chip was calibrated.

    G(t) = G·((t + t_c) / t_c)^-ν with the device's own ν = |N(mean, spread)|, where t_c is the devices' age at
    calibration, plus the 1/f fluctuations since then that are slower than the read-noise window. The same key gives
    each device the same ν and the same fluctuation at every time (Joshi 2020; Le Gallo 2023; `physics.pcm`). Devices
    that are written again later begin at a younger age t_c, so that they drift faster.

    Args:
        g: any shape, int16 steps of g_max / 9,600.
        time_s: time since calibration, or since they were written again; 0 returns `g`, as devices without noise do.
        key: the tile's drift stream.
        pcm: device parameters.
        first_age_s: t_c; None: `pcm.calibration_age_s`.
    """
    if time_s <= 0 or pcm.law == "ideal":
        return g
    law = LAWS[pcm.law]
    levels = np.arange(MAX_STEPS + 1) / STEPS_PER_G_MAX
    log_time = np.float32(np.log1p(time_s / (first_age_s or pcm.calibration_age_s)))
    slow = levels * law.read_q(levels) * np.sqrt(np.log1p(time_s / pcm.read_noise_window_s)) * STEPS_PER_G_MAX
    flat = g.reshape(-1, g.shape[-1])
    out = np.empty(flat.shape, np.int16)
    mean, spread = (pcm.drift_scale * curve(levels) for curve in (law.drift_mean, law.drift_sigma))
    tables = (mean.astype(np.float32), spread.astype(np.float32), log_time, slow.astype(np.float32))
    _age(flat.numpy(), np.uint64(key), *tables, out)
    return torch.from_numpy(out).view(g.shape)


def expected_share(g: torch.Tensor, time_s: float, pcm: PcmSpec) -> float:
    """Return which share of all conductance is left on average `time_s` after the chip was calibrated.

    Args:
        g: any shape, conductances when calibrated, in units of g_max.
        time_s: time since calibration.
        pcm: device parameters.
    """
    if time_s <= 0 or pcm.law == "ideal":
        return 1.0
    levels = g.abs().double().flatten().numpy()
    exponent = pcm.drift_scale * LAWS[pcm.law].drift_mean(levels)
    left = levels * np.exp(-exponent * np.log1p(time_s / pcm.calibration_age_s))
    return float(left.sum() / max(levels.sum(), 1e-12))
