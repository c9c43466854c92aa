"""Charge matrices: everything a set of columns needs to turn pulses into charge, current and noise, as integers.

Shape legend: K rows (inputs of the group, in the layer's order), N columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from pcmesh.execution.behavioural.integer import digit_planes
from pcmesh.mapping import Phase
from pcmesh.physics.cell import CellArrays


@dataclass(frozen=True)
class ChargeMatrix:
    """The columns of one or more groups that see the same rows.

    A positive input of t ticks adds t·P to the charge, a negative one t·N (N already carries its sign). Totals over the
    encoding's phases: AB adds WP1 in one polarity and WP2 in the other.

    Attributes:
        positive, negative: (2N, K) int8 digit planes of P and N (3N where conductance steps are divided); `negative` is
            empty for unsigned inputs.
        current, variance: (N, K) int8, summed over the pairs driven.
        positive_sum, negative_sum, current_sum, variance_sum: (N,) int64 column sums (they undo the inputs' shift).
        bias_charge, bias_current: (N,) int64, and bias_variance (N,) float32: what the bias rows add (ticks, ticks²).
    """

    positive: torch.Tensor
    negative: torch.Tensor
    current: torch.Tensor
    variance: torch.Tensor
    positive_sum: torch.Tensor
    negative_sum: torch.Tensor
    current_sum: torch.Tensor
    variance_sum: torch.Tensor
    bias_charge: torch.Tensor
    bias_current: torch.Tensor
    bias_variance: torch.Tensor

    @property
    def columns(self) -> int:
        """Number of columns."""
        return self.current.shape[0]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.current.shape[1]

    def to(self, device: torch.device) -> ChargeMatrix:
        """Return a copy on a device."""
        return ChargeMatrix(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True)
class PlacedCells:
    """One tile's cells with the phases in which it integrates, and the columns and rows that its blocks use.

    Attributes:
        cells: the tile.
        phases: its integration steps.
        rows: rows in use on each pair driven, e.g. {1: 512, 2: 512}.
        columns: (N,) physical columns in use.
        array_rows: number of input rows of the tile; bias rows follow.
        stacked: whether the pairs hold different rows (2-PCM).
    """

    cells: CellArrays
    phases: tuple[Phase, ...]
    rows: dict[int, int]
    columns: torch.Tensor
    array_rows: int
    stacked: bool


@dataclass(frozen=True)
class _Sums:
    positive: torch.Tensor
    negative: torch.Tensor
    current: torch.Tensor
    variance: torch.Tensor


def _accumulate(tile: PlacedCells, rows: slice, pairs: Sequence[int]) -> _Sums:
    """Sum a tile's phases over the given pairs; charge matrices (rows, N) int32."""
    select = tile.columns
    shape = (tile.cells.current[0, rows].shape[0], len(select))
    positive, negative, current, variance = (torch.zeros(shape, dtype=torch.int32) for _ in range(4))
    for phase in tile.phases:
        for pair in phase.pairs:
            if pair not in pairs:
                continue
            polarity = 0 if phase.polarity > 0 else 1
            charge = tile.cells.charge[pair - 1, polarity, rows][:, select].to(torch.int32) * phase.polarity
            if phase.part == "positive":
                positive += charge
                current += tile.cells.current[pair - 1, rows][:, select]
                variance += tile.cells.variance[pair - 1, rows][:, select]
            else:
                negative += charge
    return _Sums(positive, negative, current, variance)


def charge_matrix(tiles: Sequence[PlacedCells], signed: bool, bias_ticks: int) -> ChargeMatrix:
    """Return the charge matrix of one group: its tiles' rows one under the other (pair by pair for 2-PCM).

    Args:
        tiles: the tiles that share the bank, in the order of their rows.
        signed: whether the inputs have negative parts.
        bias_ticks: how long the bias rows conduct.
    """
    parts: list[_Sums] = []
    bias: list[_Sums] = []
    for tile in tiles:
        pairs = sorted(tile.rows)
        uses = [[pair] for pair in pairs] if tile.stacked else [pairs]
        parts.extend(_accumulate(tile, slice(0, tile.rows[use[0]]), use) for use in uses)
        bias.append(_accumulate(tile, slice(tile.array_rows, None), [1, 2]))
    positive, negative, current, variance = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("positive", "negative", "current", "variance")
    )

    def bias_sum(name: str) -> torch.Tensor:
        return torch.stack([getattr(part, name).sum(0, dtype=torch.int64) for part in bias]).sum(0)

    digits = 2 if tiles[0].cells.charge.dtype == torch.int16 else 3
    return ChargeMatrix(
        positive=digit_planes(positive, digits),
        negative=digit_planes(negative, digits) if signed else torch.empty((0, positive.shape[0]), dtype=torch.int8),
        current=current.to(torch.int8).t().contiguous(),
        variance=variance.to(torch.int8).t().contiguous(),
        positive_sum=positive.sum(0, dtype=torch.int64),
        negative_sum=negative.sum(0, dtype=torch.int64) * int(signed),
        current_sum=current.sum(0, dtype=torch.int64),
        variance_sum=variance.sum(0, dtype=torch.int64),
        bias_charge=bias_sum("positive") * bias_ticks,
        bias_current=bias_sum("current") * bias_ticks,
        bias_variance=(bias_sum("variance") * bias_ticks**2).to(torch.float32),
    )


def side_by_side(matrices: Sequence[ChargeMatrix]) -> ChargeMatrix:
    """Return matrices with the same rows as one with all their columns, so that one product serves all."""
    first = matrices[0]
    if len(matrices) == 1:
        return first
    columns = [m.columns for m in matrices]

    def planes(name: str) -> torch.Tensor:
        stores: list[torch.Tensor] = [getattr(m, name) for m in matrices]
        if not stores[0].shape[0]:
            return stores[0]
        by_digit = zip(*(torch.split(s, n) for s, n in zip(stores, columns, strict=True)), strict=True)
        return torch.cat([plane for digit in by_digit for plane in digit])

    joined = {f.name: torch.cat([getattr(m, f.name) for m in matrices]) for f in fields(ChargeMatrix)[2:]}
    return ChargeMatrix(positive=planes("positive"), negative=planes("negative"), **joined)
