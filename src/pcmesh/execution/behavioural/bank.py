"""A bank: columns that see the same rows, run as a few integer products and two elementwise passes.

Shape legend: B batch, K rows, N columns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch

from pcmesh.execution.behavioural import kernels, reference
from pcmesh.execution.behavioural.charge import ChargeMatrix
from pcmesh.execution.behavioural.integer import int8_product
from pcmesh.physics.column import ColumnParameters
from pcmesh.physics.pulse import shifted

_CHUNK_ROWS = 256
_CHUNK_VALUES = 2**20
"""At least so many rows are run at once, more where rows and columns are few: what a chunk needs fits the caches."""
_FEW_ROWS = 4
"""So many rows take one thread less time than it takes to start several."""
_EMPTY_KEYS = np.empty(0, np.uint64)
_EMPTY_SHIFT = np.empty(0, np.int32)
_EMPTY_STEP = np.empty(0, np.float64)


@dataclass(frozen=True)
class Collection:
    """How the columns' pulses become OLP codes: (N,) int32 path shift in ticks, (N,) float64 ticks per count."""

    shift: torch.Tensor
    step: torch.Tensor
    largest: int


@dataclass(frozen=True)
class Bank:
    """One or more column groups with the same input.

    Attributes:
        groups: their indices, in the order of the columns.
        matrix: the charge matrix.
        column: the columns' parameters.
        counters: (N,) int64, the columns' numbers in the noise streams (unique on a network).
        signed: whether inputs have negative parts.
        digits: 1 where all pulses are whole nanoseconds, else 2.
        row_shift: (K,) int32, how much the mesh widens the rows' pulses (None: not at all).
        collection: None where the output stays a duration (hand-over to other tiles).
    """

    groups: tuple[int, ...]
    matrix: ChargeMatrix
    column: ColumnParameters
    counters: torch.Tensor
    signed: bool
    digits: int
    row_shift: torch.Tensor | None
    collection: Collection | None

    def to(self, device: torch.device) -> Bank:
        """Return a copy on a device."""
        column = ColumnParameters(**{f.name: getattr(self.column, f.name).to(device) for f in fields(self.column)})
        collected = self.collection
        if collected is not None:
            collected = Collection(collected.shift.to(device), collected.step.to(device), collected.largest)
        shift = None if self.row_shift is None else self.row_shift.to(device)
        return replace(
            self,
            matrix=self.matrix.to(device),
            column=column,
            counters=self.counters.to(device),
            row_shift=shift,
            collection=collected,
        )

    def run(self, ticks: torch.Tensor, keys: torch.Tensor | None) -> torch.Tensor:
        """Integrate pulses and read the columns.

        Args:
            ticks: (B, K) int32 signed pulse lengths.
            keys: (B,) int64 noise keys (bit patterns of unsigned ones), or None for no noise.

        Returns:
            (B, N) int32: OLP codes, or pulse lengths in ticks where the output is handed over.
        """
        run = self._run_compiled if ticks.device.type == "cpu" else self._run_reference
        out = torch.empty((ticks.shape[0], self.matrix.columns), dtype=torch.int32, device=ticks.device)
        chunk = max(_CHUNK_ROWS, _CHUNK_VALUES // (6 * self.matrix.columns + self.matrix.rows))
        if ticks.shape[0] <= chunk:
            run(ticks, keys, out)
            return out
        for start in range(0, ticks.shape[0], chunk):
            part = slice(start, start + chunk)
            run(ticks[part], None if keys is None else keys[part], out[part])
        return out

    @cached_property
    def _offsets(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what undoes the inputs' shift by 128, and the bias rows: charge, current, variance (N,) int64."""
        m = self.matrix
        weight = 128 * (256 + 1 if self.digits == 2 else 256)
        charge = weight * (m.positive_sum + m.negative_sum) + m.bias_charge
        return charge, weight * m.current_sum + m.bias_current, (128 * m.variance_sum).to(torch.int32)

    def _products(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return positive (D, B, 2N or 3N), negative (D or 0, B, 2N or 3N) and current (D, B, N) products, int32."""
        kinds, digits, batch, rows = planes.shape
        flat = planes.reshape(kinds, digits * batch, rows)
        positive = int8_product(flat[0], self.matrix.positive).view(digits, batch, -1)
        current = int8_product(flat[-1], self.matrix.current).view(digits, batch, -1)
        if kinds == 1:
            return positive, positive[:0], current
        return positive, int8_product(flat[1], self.matrix.negative).view(digits, batch, -1), current

    def _run_compiled(self, ticks: torch.Tensor, keys: torch.Tensor | None, out: torch.Tensor) -> None:
        batch, rows = ticks.shape
        shift, (before, after) = self._row_shift, self._constants
        noise_keys = _EMPTY_KEYS if keys is None else keys.numpy().view(np.uint64)
        if batch <= _FEW_ROWS:
            given = (ticks.contiguous().numpy(), shift, self.digits, self.signed)
            kernels.run_few(*given, self._matrices, before, noise_keys, after, out.numpy())
            return
        planes = torch.empty((3 if self.signed else 1, self.digits, batch, rows), dtype=torch.int8)
        squares = torch.empty((batch, rows), dtype=torch.int8)
        exponents = np.empty(batch, np.int32)
        kernels.split(
            ticks.contiguous().numpy(), shift, planes.numpy(), squares.numpy(), exponents, self.digits, self.signed
        )
        positive, negative, current = self._products(planes)
        variance = current[0] if keys is None else int8_product(squares, self.matrix.variance)
        kernels.read_out(
            positive.numpy(),
            negative.numpy(),
            current.numpy(),
            variance.numpy(),
            exponents,
            *before,
            noise_keys,
            *after,
            out.numpy(),
        )

    @cached_property
    def _row_shift(self) -> np.ndarray:
        return _EMPTY_SHIFT if self.row_shift is None else self.row_shift.numpy()

    @cached_property
    def _matrices(self) -> tuple[np.ndarray, ...]:
        m = self.matrix
        return tuple(matrix.numpy() for matrix in (m.positive, m.negative, m.current, m.variance))

    @cached_property
    def _constants(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """Return the arguments of the read-out kernel that stay the same, before and after the noise keys."""
        columns = torch.stack([getattr(self.column, f.name) for f in fields(self.column)])
        before = (*(offset.numpy() for offset in self._offsets), self.matrix.bias_variance.numpy(), columns.numpy())
        collected = self.collection
        if collected is None:
            return before, (self.counters.numpy(), _EMPTY_SHIFT, _EMPTY_STEP, np.int32(0))
        counting = (collected.shift.numpy(), collected.step.numpy(), np.int32(collected.largest))
        return before, (self.counters.numpy(), *counting)

    def _run_reference(self, ticks: torch.Tensor, keys: torch.Tensor | None, out: torch.Tensor) -> None:
        if self.row_shift is not None:
            ticks = torch.sign(ticks) * shifted(ticks.abs(), self.row_shift)
        planes, squares, exponents = reference.split(ticks, self.digits, self.signed)
        positive, negative, current = self._products(planes)
        charge_offset, current_offset, variance_offset = self._offsets
        charge = reference.charges(positive, negative, charge_offset)
        weights = torch.tensor([256, 1][: self.digits], device=ticks.device).view(-1, 1, 1)
        total = (current.long() * weights).sum(0) + current_offset
        noise = None
        if keys is not None:
            products = int8_product(squares, self.matrix.variance) + variance_offset
            bias = self.matrix.bias_variance
            noise = reference.noise_volts(products, exponents, bias, self.column, keys, self.counters)
        pulses = reference.output_pulses(charge, total, noise, self.column)
        if self.collection is not None:
            counting = self.collection
            pulses = reference.olp_counts(pulses, counting.shift, counting.step, counting.largest)
        out.copy_(pulses)
