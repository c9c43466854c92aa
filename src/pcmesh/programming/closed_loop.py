"""Closed-loop programming: pulse, read, correct, row by row with all columns of a row in parallel.

Each pair is written minor device first (target 0), then the major one towards the weight plus what the minor one was
read to hold, so that a stuck or leaky minor device is compensated where the major one can reach; a major device that
is stuck too high is compensated by the minor one. With 4-PCM the second pair takes what the first one missed.
Devices are read through the column that will read them in use, the branch of its mirror and the capacitors of the tile
that shares them, so the loop corrects that column's gains (paper: Methods, "this combined configuration").

The noise of a device's law was measured after such loops. It is counted once: what the loop here leaves on a device
and its relaxation after the last pulse make up the law's spread together.
Ambrogio et al. 2023, Fig. 1f, Methods; Narayanan et al., IEEE T-ED 68, 6629 (2021), 10.1109/TED.2021.3115993.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
import torch

from pcmesh.devices import law_of
from pcmesh.hardware import ChipSpec, PcmSpec, ProgrammingSpec
from pcmesh.mapping import EncodingRecord
from pcmesh.physics.normal import mix, normal_of_bits
from pcmesh.physics.units import MAX_STEPS, STEPS_PER_G_MAX, steps_per_g_max

_CURVE_POINTS = 257
_CURVE_RANGE = 1.28
_DRAWS = 4096
"""Counter space of one device: one number a round; the second half is for a second turn."""
_PROBES = 2048
"""Devices of each target from which the spread that the loop leaves is estimated, within 2 %."""


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


@dataclass(frozen=True)
class DevicePlace:
    """The devices that are written, and how they are read.

    Attributes:
        device_key: their fabrication (ceilings, defects): the same for every programming of the tile.
        gains: (2 branches, columns) float32, what a reading shows of a conductance of 1; None: 1 everywhere.
        first_row: place of the first of the rows on the tile.
    """

    device_key: int
    gains: torch.Tensor | None = None
    first_row: int = 0


@numba.njit(inline="always")
def _high(bits):  # type: ignore[no-untyped-def]
    return normal_of_bits(np.uint32(bits >> np.uint64(32)))


@numba.njit(inline="always")
def _low(bits):  # type: ignore[no-untyped-def]
    return normal_of_bits(np.uint32(bits & np.uint64(0xFFFFFFFF)))


@numba.njit(inline="always")
def _settle(target, seen, ceiling, key, first, spread, loop):  # type: ignore[no-untyped-def]
    """Pulse a device until it reads its target; return (conductance, last reading, pulses, random bits to spare).

    seen: what a reading shows of a conductance of 1.
    """
    rounds, window, verify, gain = loop
    conductance = reading = np.float32(0.0)
    for step in range(rounds):
        bits = mix(key, first + np.uint64(step))
        reading = seen * conductance + verify * _high(bits)
        error = target - reading
        if abs(error) <= window:
            return conductance, reading, step, bits
        conductance = conductance + gain * error + spread * _low(bits)
        conductance = max(min(conductance, ceiling), np.float32(0.0))
    return conductance, reading, rounds, mix(key, first + np.uint64(rounds))


@numba.njit(inline="always")
def _law(target, curve):  # type: ignore[no-untyped-def]
    """Return by how much devices of a target miss it, pulse noise and relaxation, linear between the curve's points."""
    position = max(min(target, np.float32(1.28)), np.float32(0.0)) * np.float32(200.0)
    index = min(int(position), 255)
    part = position - np.float32(index)
    low, high = curve[index], curve[index + 1]
    return low[0] + part * (high[0] - low[0]), low[1] + part * (high[1] - low[1]), low[2] + part * (high[2] - low[2])


@numba.njit(inline="always")
def _write_device(target, seen, device, keys, first, curve, loop, defects):  # type: ignore[no-untyped-def]
    """Return (conductance, last verified reading, pulses) of one device; conductances in g_max."""
    low, high, ceiling_mean, ceiling_spread = defects
    made = mix(keys[0], device)
    chance = np.float32((made & np.uint64(0xFFFFFFFF)) >> np.uint64(8)) * np.float32(2.0**-24)
    if chance < low:
        bits = mix(keys[1], first)
        return np.float32(0.0), loop[2] * _high(bits), 0
    ceiling = ceiling_mean + ceiling_spread * _high(made)
    if chance < low + high:
        bits = mix(keys[1], first)
        return ceiling, seen * ceiling + loop[2] * _high(bits), 0
    missed, spread, relaxation = _law(target, curve)
    conductance, reading, pulses, bits = _settle(target, seen, ceiling, keys[1], first, spread, loop)
    relaxed = conductance + missed + relaxation * _low(bits)
    return max(min(relaxed, ceiling), np.float32(0.0)), reading, pulses


@numba.njit(parallel=True, cache=True)
def _write_tile(weights, first_row, pairs, gains, keys, curve, loop, defects, scale, out):  # type: ignore[no-untyped-def]
    """Fill out (2, 2, R, C) for weights (2, R, C) in g_max.

    pairs: how often pair 1 counts where pair 2 completes it (4-PCM; 0: it does not), and the conductance that G- holds
    where G+ carries every weight (0: the weight is a difference).
    gains: (2, C) what a reading shows of a conductance in each branch. `scale` is the number of steps to g_max.
    `first_row` is the place of the first row on the tile: a device is the same one whichever rows are written.
    """
    _, rows, columns = weights.shape
    counts, reference = pairs
    pulses = np.zeros(rows, np.int64)
    highest = np.rint(scale * np.float32(MAX_STEPS / STEPS_PER_G_MAX))
    single = reference > 0
    for r in numba.prange(rows):
        for c in range(columns):
            missed = np.float32(0.0)
            for p in range(2):
                weight = weights[p, r, c] + missed
                major = 0 if single or weight >= 0 else 1
                size = weight if single else abs(weight)
                read_minor = np.float32(0.0)
                read_major = np.float32(0.0)
                for turn in range(3):  # minor device, major device, and the minor one again if the major is too high
                    if turn == 2 and (single or read_major - size - read_minor <= loop[1]):
                        break
                    branch = major if turn == 1 else 1 - major
                    device = np.uint64(((first_row + r) * columns + c) * 4 + p * 2 + branch)
                    target = reference
                    if turn == 1:
                        target = size + read_minor
                    elif turn == 2:
                        target = read_major - size
                    first = device * np.uint64(_DRAWS) + np.uint64(_DRAWS // 2 if turn == 2 else 0)
                    seen = gains[branch, c]
                    g, reading, given = _write_device(target, seen, device, keys, first, curve, loop, defects)
                    if turn == 1:
                        read_major = reading
                    else:
                        read_minor = max(reading, np.float32(0.0))
                    out[p, branch, r, c] = max(min(np.rint(g * scale), highest), np.float32(0.0))
                    pulses[r] += given
                if counts > 0:
                    written = (read_major - read_minor) * (1 if major == 0 else -1)
                    missed = counts * max(min(weights[0, r, c] - written, np.float32(0.5)), np.float32(-0.5))
    return pulses.sum()


@numba.njit(cache=True)
def _residuals(targets, spreads, loop, probes):  # type: ignore[no-untyped-def]
    """Return the mean squared error that the loop leaves on devices of each target, before they relax."""
    out = np.zeros(targets.shape[0])
    for n in range(targets.shape[0]):
        for probe in range(probes):
            first = np.uint64(probe * _DRAWS)
            settled = _settle(targets[n], np.float32(1.0), np.float32(2.0), np.uint64(n), first, spreads[n], loop)
            out[n] += (settled[0] - targets[n]) ** 2
        out[n] /= probes
    return out


@lru_cache(16)
def programming_curve(pcm: PcmSpec, programming: ProgrammingSpec) -> np.ndarray:
    """Return the law at 257 targets from 0 to 1.28 g_max: what devices miss, pulse noise, relaxation, (257, 3) float32.

    Relaxation is what is missing from what the loop leaves to the law's spread.
    """
    targets = np.linspace(0, _CURVE_RANGE, _CURVE_POINTS)
    given = law_of(pcm).programmed(targets)
    spread = (programming.pulse_noise_scale * given.sigma).astype(np.float32)
    wanted = (programming.relaxation_scale * given.sigma) ** 2
    left = _residuals(targets.astype(np.float32), spread, _loop(pcm, programming), _PROBES)
    relaxation = np.sqrt(np.maximum(wanted - left, 0.0))
    return np.stack([given.mean - targets, spread, relaxation], axis=1).astype(np.float32)


def _loop(pcm: PcmSpec, programming: ProgrammingSpec) -> tuple[Any, ...]:
    exact = law_of(pcm).exact
    window, gain = (1e-6, 1.0) if exact else (programming.window, programming.correction_gain)
    return programming.max_rounds, np.float32(window), np.float32(programming.verify_noise), np.float32(gain)


def write_tile(
    weights: torch.Tensor, encoding: EncodingRecord, place: DevicePlace, pass_key: int, chip: ChipSpec
) -> WrittenTile:
    """Program one tile by closed loop.

    Args:
        weights: (2 pairs, rows, columns) float32 targets in units of g_max; negative ones have G- as major device.
        encoding: whether the second pair completes the first (4-PCM), and whether one device carries the weight.
        place: the devices.
        pass_key: the randomness of this programming.
        chip: device and loop parameters.

    Returns:
        The conductances written and the pulses given.
    """
    pcm = chip.pcm
    defects = tuple(
        np.float32(v)
        for v in (pcm.stuck_low_probability, pcm.stuck_high_probability, pcm.g_ceiling_mean, pcm.g_ceiling_spread)
    )
    scale = steps_per_g_max(pcm)
    out = np.empty((2, 2, *weights.shape[1:]), np.int16 if scale == STEPS_PER_G_MAX else np.int32)
    gains = torch.ones(2, weights.shape[2]) if place.gains is None else place.gains
    pairs = np.float32(1.0 if encoding.completes else 0.0), np.float32(encoding.reference)
    pulses = _write_tile(
        weights.contiguous().numpy(),
        place.first_row,
        pairs,
        gains.contiguous().numpy(),
        (np.uint64(place.device_key), np.uint64(pass_key)),
        programming_curve(pcm, chip.programming),
        _loop(pcm, chip.programming),
        defects,
        np.float32(scale),
        out,
    )
    return WrittenTile(torch.from_numpy(out), int(pulses))
