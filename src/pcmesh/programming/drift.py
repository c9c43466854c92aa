"""What time does to programmed devices from their last pulse on: drift, and fluctuations slower than a read."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
import torch

from pcmesh.devices import Retention, law_of
from pcmesh.hardware import PcmSpec
from pcmesh.physics.normal import mix, normal_of_bits
from pcmesh.physics.units import MAX_STEPS, STEPS_PER_G_MAX

_USUAL_G = 0.25
"""Conductance, in units of g_max, that stands for a layer's weights where a single share is asked for."""


@numba.njit(parallel=True, cache=True)
def _age(g, key, tables, log_time, out):  # type: ignore[no-untyped-def]
    """Fill out with conductances after a time; tables: (4, steps) exponents' mean and spread, slow noise, shift."""
    for i in numba.prange(g.shape[0]):
        for j in range(g.shape[1]):
            step = g[i, j]
            bits = mix(key, np.uint64(i * g.shape[1] + j))  # one number for the exponent, one for the fluctuation
            exponent = abs(tables[0, step] + tables[1, step] * normal_of_bits(np.uint32(bits >> np.uint64(32))))
            moved = np.float32(step) + tables[2, step] * normal_of_bits(np.uint32(bits & np.uint64(0xFFFFFFFF)))
            aged = moved * np.exp(-exponent * log_time) + tables[3, step]
            out[i, j] = np.int16(max(min(np.rint(aged), np.float32(MAX_STEPS)), np.float32(0.0)))


def age(g: torch.Tensor, age_s: float, key: int, pcm: PcmSpec) -> torch.Tensor:
    """Return conductances `age_s` after their last programming pulse.

    What time does is their law's (`pcmesh.devices.Retention`), with the chip's factor on the exponents. It begins at
    the age at which the law's programming holds (t_c, `Programmed.age_s`): what programming leaves at t_c, and what
    drift makes of it from then on, are counted once each. The same key gives each device the same exponent and the
    same fluctuation at every time.

    Args:
        g: any shape, int16 steps of g_max / 9,600, as programming left them.
        age_s: time since their last pulse; up to t_c it returns `g`, as devices without noise do.
        key: the tile's drift stream.
        pcm: device parameters.
    """
    time_s = age_s - programmed_age_s(pcm)
    if time_s <= 0 or law_of(pcm).exact:
        return g
    flat = g.reshape(-1, g.shape[-1])
    out = np.empty(flat.shape, np.int16)
    _age(flat.numpy(), np.uint64(key), *_tables(time_s, pcm), out)  # type: ignore[call-arg]
    return torch.from_numpy(out).view(g.shape)


@lru_cache(64)
def programmed_age_s(pcm: PcmSpec) -> float:
    """Return the age at which the law's programming holds and drift begins, s."""
    return law_of(pcm).programmed(np.zeros(1)).age_s


@lru_cache(64)
def _tables(time_s: float, pcm: PcmSpec) -> tuple[Any, ...]:
    """Return what `_age` needs of a time: tables by conductance step, and the log time."""
    left = _retention(np.arange(MAX_STEPS + 1) / STEPS_PER_G_MAX, time_s, pcm)
    exponents = (pcm.drift_scale * table for table in (left.exponent, left.exponent_sigma))
    steps = (table * STEPS_PER_G_MAX for table in (left.sigma, left.shift))
    return np.stack([*exponents, *steps]).astype(np.float32), np.float32(left.log_time)


def expected_share(g: torch.Tensor, time_s: float, pcm: PcmSpec) -> float:
    """Return which share of the conductance that the chip was calibrated with is left on average `time_s` later.

    Args:
        g: any shape, conductances as programmed, in units of g_max.
        time_s: time since calibration.
        pcm: device parameters.
    """
    levels = g.abs().double().flatten().numpy()
    now, then = (_expected(levels, pcm.calibration_age_s + later, pcm).sum() for later in (time_s, 0.0))
    return float(now / max(then, 1e-12)) if time_s > 0 else 1.0


def calibrated_share(pcm: PcmSpec) -> float:
    """Return which share of a usual conductance is left on average when the chip is calibrated."""
    usual = np.array([_USUAL_G])
    return float(_expected(usual, pcm.calibration_age_s, pcm)[0] / _USUAL_G)


def _expected(levels: np.ndarray, age_s: float, pcm: PcmSpec) -> np.ndarray:
    """Return the mean conductances of devices `age_s` after their last pulse."""
    time_s = age_s - programmed_age_s(pcm)
    if time_s <= 0 or law_of(pcm).exact:
        return levels
    left = _retention(levels, time_s, pcm)
    kept: np.ndarray = levels * np.exp(-pcm.drift_scale * left.exponent * left.log_time) + left.shift
    return kept


def _retention(g: np.ndarray, time_s: float, pcm: PcmSpec) -> Retention:
    return law_of(pcm).retention(g, time_s, programmed_age_s(pcm), pcm.read_noise_window_s)
