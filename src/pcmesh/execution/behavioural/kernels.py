"""Compiled kernels of the behavioural engine on a CPU: one pass before and one pass after the matrix products.

They give the same bits as `reference`, which says what is computed. Rows of the batch are independent of each other.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numba
import numpy as np

from pcmesh.physics.normal import normal


@numba.njit(error_model="numpy")
def _widened(ticks, row_shift):  # type: ignore[no-untyped-def]
    """Return signed pulses as they arrive at the rows."""
    out = np.empty_like(ticks)
    for r in range(ticks.shape[0]):
        t = ticks[r]
        wider = min(max(abs(t) + row_shift[r], np.int32(0)), np.int32(65535))
        out[r] = (wider if t > 0 else -wider) if t != 0 else np.int32(0)
    return out


def _split(ticks, row_shift, planes, squares, exponents, digits, signed):  # type: ignore[no-untyped-def]
    """Fill the int8 planes (positive, negative, magnitude; each `digits` deep) and the squared lengths of each row.

    row_shift: (rows,) int32, how much the mesh widens pulses, or empty.
    """
    batch, rows = ticks.shape
    kinds = 3 if signed else 1
    for b in numba.prange(batch):
        arrived = _widened(ticks[b], row_shift) if row_shift.shape[0] > 0 else ticks[b]
        largest = np.int32(0)
        for r in range(rows):
            largest = max(largest, abs(arrived[r]))
        ns = np.int64((largest + 128) >> 8)
        exponent = np.int32(0)
        while (ns * ns) >> exponent > 255:
            exponent += np.int32(1)
        exponents[b] = exponent
        half = np.int32((1 << exponent) >> 1)
        for r in range(rows):
            t = arrived[r]
            length = (abs(t) + np.int32(128)) >> np.int32(8)
            squares[b, r] = np.int8(min((length * length + half) >> exponent, np.int32(255)) - 128)
        for d in range(digits):
            shift = np.int32(8) if d == 0 else np.int32(0)
            for r in range(rows):
                t = arrived[r]
                planes[0, d, b, r] = np.int8(((max(t, np.int32(0)) >> shift) & np.int32(255)) - np.int32(128))
            if kinds == 3:
                for r in range(rows):
                    t = -arrived[r]
                    planes[1, d, b, r] = np.int8(((max(t, np.int32(0)) >> shift) & np.int32(255)) - np.int32(128))
                for r in range(rows):
                    planes[2, d, b, r] = np.int8(((abs(arrived[r]) >> shift) & np.int32(255)) - np.int32(128))


@numba.njit(inline="always")
def _volts_of_one_digit(positive, negative, current, charge_offset, current_offset, columns, b, volts):  # type: ignore[no-untyped-def]
    """Fill the voltages of row b of the batch where pulses are whole nanoseconds: one pass."""
    n, one = volts.shape[0], np.float32(1.0)
    if negative.shape[0] > 0:
        for c in range(n):
            high = np.int64(positive[0, b, c]) + np.int64(negative[0, b, c])
            low = np.int64(positive[0, b, n + c]) + np.int64(negative[0, b, n + c])
            charge = np.float32(((high << 8) + low << 8) + charge_offset[c])
            loss = np.float32((np.int64(current[0, b, c]) << 8) + current_offset[c]) * columns[1, c]
            volts[c] = (charge * columns[0, c]) * (one - loss)
    else:
        for c in range(n):
            charge = np.float32(
                ((np.int64(positive[0, b, c]) << 8) + np.int64(positive[0, b, n + c]) << 8) + charge_offset[c]
            )
            loss = np.float32((np.int64(current[0, b, c]) << 8) + current_offset[c]) * columns[1, c]
            volts[c] = (charge * columns[0, c]) * (one - loss)


@numba.njit(inline="always")
def _volts_of_two_digits(positive, negative, current, charge_offset, current_offset, columns, b, volts):  # type: ignore[no-untyped-def]
    """Fill the voltages of row b of the batch where pulses have any length."""
    n, one = volts.shape[0], np.float32(1.0)
    signed = negative.shape[0] > 0
    for c in range(n):
        charge = charge_offset[c]
        charge += (np.int64(positive[0, b, c]) << 16) + (np.int64(positive[0, b, n + c]) << 8)
        charge += (np.int64(positive[1, b, c]) << 8) + np.int64(positive[1, b, n + c])
        if signed:
            charge += (np.int64(negative[0, b, c]) << 16) + (np.int64(negative[0, b, n + c]) << 8)
            charge += (np.int64(negative[1, b, c]) << 8) + np.int64(negative[1, b, n + c])
        total = (np.int64(current[0, b, c]) << 8) + np.int64(current[1, b, c]) + current_offset[c]
        loss = np.float32(total) * columns[1, c]
        volts[c] = (np.float32(charge) * columns[0, c]) * (one - loss)


@numba.njit
def _joined(products, b, c, n):  # type: ignore[no-untyped-def]
    """Return the charge of row b, column c from the products of all digits of inputs and weights."""
    charge = np.int64(0)
    for d in range(products.shape[0]):
        value = np.int64(0)
        for plane in range(c, products.shape[2], n):
            value = (value << 8) + np.int64(products[d, b, plane])
        charge += value << 8 if d == 0 else value
    return charge


@numba.njit
def _volts_of_divided_steps(positive, negative, current, charge_offset, current_offset, columns, b, volts):  # type: ignore[no-untyped-def]
    """Fill the voltages of row b of the batch where weights have three digits."""
    n, one = volts.shape[0], np.float32(1.0)
    for c in range(n):
        charge = _joined(positive, b, c, n) + _joined(negative, b, c, n) + charge_offset[c]
        total = current_offset[c]
        for d in range(current.shape[0]):
            total += np.int64(current[d, b, c]) << (8 if d == 0 else 0)
        loss = np.float32(total) * columns[1, c]
        volts[c] = (np.float32(charge) * columns[0, c]) * (one - loss)


@numba.njit(inline="always")
def _add_noise(volts, variance, unit, offset, bias, columns, key, counters):  # type: ignore[no-untyped-def]
    for c in range(volts.shape[0]):
        level = np.float32(variance[c] + offset[c]) * unit + bias[c]
        sigma = np.sqrt(level * columns[2, c] + columns[3, c])
        volts[c] = volts[c] + normal(key, np.uint64(counters[c])) * sigma


@numba.njit(inline="always")
def _ramp(volts, columns, out):  # type: ignore[no-untyped-def]
    zero, one = np.float32(0.0), np.float32(1.0)
    for c in range(volts.shape[0]):
        v = max(min(volts[c], columns[4, c]), -columns[4, c])
        t = (v + columns[5, c]) * columns[6, c]
        t = t + columns[7, c]
        part = t / columns[8, c]
        t = t + (part * (one - part)) * columns[9, c]
        out[c] = np.int32(np.rint(max(min(t, columns[8, c]), zero)))


@numba.njit(inline="always")
def _count(out, shift, step, largest):  # type: ignore[no-untyped-def]
    for c in range(out.shape[0]):
        t = out[c]
        wider = min(max(t + shift[c], np.int32(0)), np.int32(65535))
        t = wider if t > 0 else np.int32(0)
        code = np.int32(np.floor(np.float64(t) / step[c] + 0.5))
        out[c] = min(max(code, np.int32(0)), largest)


def _read_out(  # type: ignore[no-untyped-def]
    positive,
    negative,
    current,
    variance,
    exponents,
    charge_offset,
    current_offset,
    variance_offset,
    bias_variance,
    columns,
    keys,
    counters,
    out_shift,
    olp_step,
    olp_max,
    out,
):
    """Turn the integer products into output pulses (ticks), or into OLP codes where `olp_step` is given.

    positive, negative: (digits, B, 2N or 3N) int32; current: (digits, B, N) int32; variance: (B, N) int32; columns:
    (10, N) float32 in the order of `ColumnParameters`; keys: (B,) uint64, empty without noise; out: (B, N) int32.
    """
    digits, batch, n = current.shape
    for b in numba.prange(batch):
        volts = np.empty(n, np.float32)
        if positive.shape[2] > 2 * n:
            _volts_of_divided_steps(positive, negative, current, charge_offset, current_offset, columns, b, volts)
        elif digits == 1:
            _volts_of_one_digit(positive, negative, current, charge_offset, current_offset, columns, b, volts)
        else:
            _volts_of_two_digits(positive, negative, current, charge_offset, current_offset, columns, b, volts)
        if keys.shape[0] > 0:
            unit = np.float32(np.int64(65536) << np.int64(exponents[b]))
            _add_noise(volts, variance[b], unit, variance_offset, bias_variance, columns, keys[b], counters)
        _ramp(volts, columns, out[b])
        if olp_step.shape[0] > 0:
            _count(out[b], out_shift, olp_step, olp_max)


def _one_thread(kernel: Any) -> Any:
    """Return a copy under another name: the compiler's cache does not tell apart what runs in threads."""
    copy = FunctionType(kernel.__code__, kernel.__globals__, f"{kernel.__name__}_few")
    copy.__qualname__, copy.__module__ = copy.__name__, kernel.__module__
    return copy


_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy"}
split, read_out = (numba.njit(parallel=True, **_OPTIONS)(kernel) for kernel in (_split, _read_out))
_split_few, _read_out_few = (numba.njit(**_OPTIONS)(_one_thread(kernel)) for kernel in (_split, _read_out))


@numba.njit(error_model="numpy")
def _product(left, right):  # type: ignore[no-untyped-def]
    """Return left (D, B, K) @ right (N, K).T, (D, B, N) int32, both int8."""
    digits, batch, rows = left.shape
    out = np.empty((digits, batch, right.shape[0]), np.int32)
    for c in range(right.shape[0]):
        for d in range(digits):
            for b in range(batch):
                total = np.int32(0)
                for k in range(rows):
                    total += np.int32(left[d, b, k]) * np.int32(right[c, k])
                out[d, b, c] = total
    return out


@numba.njit(**_OPTIONS)
def run_few(ticks, row_shift, digits, signed, matrices, before, keys, after, out):  # type: ignore[no-untyped-def]
    """Do everything for a few rows of the batch in one thread.

    matrices: int8 planes of the positive and negative charge, current and variance; before, after: the arguments of
    `read_out` around `keys`.
    """
    batch, rows = ticks.shape
    positive, negative, current, variance = matrices
    planes = np.empty((3 if signed else 1, digits, batch, rows), np.int8)
    squares = np.empty((1, batch, rows), np.int8)
    exponents = np.empty(batch, np.int32)
    _split_few(ticks, row_shift, planes, squares[0], exponents, digits, signed)
    positives, currents = _product(planes[0], positive), _product(planes[-1], current)
    negatives = _product(planes[1], negative) if signed else positives[:0]
    variances = _product(squares, variance)[0] if keys.shape[0] > 0 else currents[0]
    _read_out_few(positives, negatives, currents, variances, exponents, *before, keys, *after, out)
