"""Closed-loop programming: pulse, read, correct, row by row with all columns of a row in parallel.

Each pair is written minor device first (target 0), then the major one towards the weight plus what the minor one was
read to hold, so that a stuck or leaky minor device is compensated where the major one can reach; a major device that
is stuck too high is compensated by the minor one. With 4-PCM the second pair takes what the first one missed.
After its last pulse a device relaxes: the noise of its law, which was measured after such loops, is what the loop
leaves; the loop itself adds its acceptance window.
Ambrogio et al. 2023, Fig. 1f, Methods; Narayanan et al., IEEE T-ED 68, 6629 (2021), 10.1109/TED.2021.3115993.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
import torch

from pcmesh.devices import law_of
from pcmesh.hardware import ChipSpec, PcmSpec
from pcmesh.mapping import EncodingRecord
from pcmesh.physics.normal import normal, uniform
from pcmesh.physics.units import MAX_STEPS, STEPS_PER_G_MAX, steps_per_g_max

_CURVE_POINTS = 257
_CURVE_RANGE = 1.28
_DRAWS = 4096
"""Counter space of one device: two draws a round; the second half is for a second turn."""


@dataclass(frozen=True)
class WrittenTile:
    """What programming left on a tile.

    Attributes:
        g: (2 pairs, 2 branches, rows, columns) int16 in steps of g_max / 9,600 (int32 in divided steps for devices
            without noise).
        pulses: pulses given, all devices together.
    """

    g: torch.Tensor
    pulses: int


@numba.njit(inline="always")
def _programmed(g, curve):  # type: ignore[no-untyped-def]
    """Return by how much devices of a target miss it and their spread, linear between the curve's points (257, 2)."""
    position = max(min(g, np.float32(1.28)), np.float32(0.0)) * np.float32(200.0)
    index = min(int(position), 255)
    part = position - np.float32(index)
    missed = curve[index, 0] + part * (curve[index + 1, 0] - curve[index, 0])
    return missed, curve[index, 1] + part * (curve[index + 1, 1] - curve[index, 1])


@numba.njit(inline="always")
def _fabricated(key, device, defects):  # type: ignore[no-untyped-def]
    """Return a device's ceiling and whether it is stuck (1: at zero, 2: at its ceiling)."""
    low, high, ceiling_mean, ceiling_spread = defects
    chance = uniform(key, device + np.uint64(1 << 40))
    return ceiling_mean + ceiling_spread * normal(key, device), 1 if chance < low else 2 * int(chance < low + high)


@numba.njit(inline="always")
def _write_device(target, ceiling, stuck, key, first, curve, loop):  # type: ignore[no-untyped-def]
    """Return (conductance, last verified reading, pulses) of one device; conductances in g_max."""
    rounds, window, verify, gain, pulse_scale, relaxation = loop
    missed, sigma = _programmed(target, curve)
    conductance = np.float32(0.0)
    if stuck == 2:
        conductance = ceiling
    reading = conductance
    spread = pulse_scale * sigma
    pulses = 0
    for step in range(rounds):
        reading = conductance + verify * normal(key, first + np.uint64(2 * step))
        error = target - reading
        if abs(error) <= window or stuck > 0:
            break
        conductance = conductance + gain * error + spread * normal(key, first + np.uint64(2 * step + 1))
        conductance = max(min(conductance, ceiling), np.float32(0.0))
        pulses += 1
    if stuck == 0:
        relaxed = relaxation * sigma * normal(key, first + np.uint64(_DRAWS // 2 - 1))
        conductance = max(min(conductance + missed + relaxed, ceiling), np.float32(0.0))
    return conductance, reading, pulses


@numba.njit(parallel=True, cache=True)
def _write_tile(weights, first_row, both, reference, device_key, pass_key, curve, loop, defects, scale, out):  # type: ignore[no-untyped-def]
    """Fill out (2, 2, R, C) for weights (2, R, C) in g_max; `both`: pair 2 completes pair 1 (4-PCM).

    With a `reference` above 0, G+ carries every weight and G- holds the reference.

    `scale` is the number of conductance steps to g_max.
    `first_row` is the place of the first row on the tile: a device is the same one whichever rows are written.
    """
    _, rows, columns = weights.shape
    pulses = np.zeros(rows, np.int64)
    highest = np.rint(scale * np.float32(MAX_STEPS / STEPS_PER_G_MAX))
    for r in numba.prange(rows):
        for c in range(columns):
            missed = np.float32(0.0)
            for p in range(2):
                weight = weights[p, r, c] + missed
                single = reference > 0
                major = 0 if single or weight >= 0 else 1
                size = weight if single else abs(weight)
                read_minor = np.float32(0.0)
                read_major = np.float32(0.0)
                for turn in range(3):  # minor device, major device, and the minor one again if the major is too high
                    if turn == 2 and (single or read_major - size - read_minor <= loop[1]):
                        break
                    branch = major if turn == 1 else 1 - major
                    device = np.uint64(((first_row + r) * columns + c) * 4 + p * 2 + branch)
                    ceiling, stuck = _fabricated(device_key, device, defects)
                    target = reference
                    if turn == 1:
                        target = size + read_minor
                    elif turn == 2:
                        target = read_major - size
                    first = device * np.uint64(_DRAWS) + np.uint64(_DRAWS // 2 if turn == 2 else 0)
                    g, reading, given = _write_device(target, ceiling, stuck, pass_key, first, curve, loop)
                    if turn == 1:
                        read_major = reading
                    else:
                        read_minor = max(reading, np.float32(0.0))
                    out[p, branch, r, c] = max(min(np.rint(g * scale), highest), np.float32(0.0))
                    pulses[r] += given
                if both:
                    written = (read_major - read_minor) * (1 if major == 0 else -1)
                    missed = max(min(weights[0, r, c] - written, np.float32(0.5)), np.float32(-0.5))
    return pulses.sum()


@lru_cache(16)
def programming_curve(pcm: PcmSpec) -> np.ndarray:
    """Return by how much the law's devices miss their target on average, and σ, at 257 targets from 0 to 1.28 g_max."""
    targets = np.linspace(0, _CURVE_RANGE, _CURVE_POINTS)
    given = law_of(pcm).programmed(targets)
    return np.stack([given.mean - targets, given.sigma], axis=1).astype(np.float32)


def write_tile(
    weights: torch.Tensor, encoding: EncodingRecord, device_key: int, pass_key: int, chip: ChipSpec, first_row: int = 0
) -> WrittenTile:
    """Program one tile by closed loop.

    Args:
        weights: (2 pairs, rows, columns) float32 targets in units of g_max; negative ones have G- as major device.
        encoding: whether the second pair completes the first (4-PCM), and whether one device carries the weight.
        device_key: the devices' fabrication (ceilings, defects): the same for every programming of the tile.
        pass_key: the randomness of this programming.
        chip: device and loop parameters.
        first_row: place of the first of these rows on the tile.

    Returns:
        The conductances written and the pulses given.
    """
    programming, pcm = chip.programming, chip.pcm
    exact = law_of(pcm).exact
    loop = (
        programming.max_rounds,
        np.float32(programming.window if not exact else 1e-6),
        np.float32(programming.verify_noise),
        np.float32(programming.correction_gain if not exact else 1.0),
        np.float32(programming.pulse_noise_scale),
        np.float32(programming.relaxation_scale),
    )
    defects = tuple(
        np.float32(v)
        for v in (pcm.stuck_low_probability, pcm.stuck_high_probability, pcm.g_ceiling_mean, pcm.g_ceiling_spread)
    )
    scale = steps_per_g_max(pcm)
    out = np.empty((2, 2, *weights.shape[1:]), np.int16 if scale == STEPS_PER_G_MAX else np.int32)
    cells = weights.contiguous().numpy(), first_row, encoding.completes, np.float32(encoding.reference)
    keys = np.uint64(device_key), np.uint64(pass_key)
    pulses = _write_tile(*cells, *keys, programming_curve(pcm), loop, defects, np.float32(scale), out)
    return WrittenTile(torch.from_numpy(out), int(pulses))
