"""Charge matrices against sums written out: per tile, phase by phase, from the cells."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from pcmesh.execution.behavioural.charge import ChargeMatrix, PlacedCells, charge_matrix, side_by_side
from pcmesh.mapping import Encoding, integration_phases
from pcmesh.physics.cell import CellArrays
from tests.machines import placed, random_conductances, small_chip

CHIP = small_chip(rows=10, columns=6)
BIAS_TICKS = 255 * 256
COLUMNS = torch.tensor([0, 2, 5])


def tile(encoding: Encoding, signed: bool, seed: int, rows: dict[int, int], bits: int = 16) -> PlacedCells:
    """Return a tile of random cells that uses some rows of its pairs and three of its columns."""
    found = placed(CHIP, random_conductances(CHIP, seed), encoding, signed)
    if bits == 32:
        fine = CellArrays(found.cells.charge.to(torch.int32) * 256 + 7, found.cells.current, found.cells.variance)
        found = replace(found, cells=fine)
    phases = integration_phases(encoding, signed, 2 in rows)
    return replace(found, rows=rows, columns=COLUMNS, phases=phases)


TILES = {
    "AB": [(Encoding.AB, {1: 10, 2: 10}), (Encoding.AB, {1: 7, 2: 7})],
    "4-PCM": [(Encoding.PCM4, {1: 10, 2: 10}), (Encoding.PCM4, {1: 3, 2: 3})],
    "2-PCM": [(Encoding.PCM2, {1: 10, 2: 10}), (Encoding.PCM2, {1: 10, 2: 4})],
    "2-PCM on WP1 alone": [(Encoding.PCM2, {1: 6})],
}


def made(name: str, signed: bool, bits: int = 16) -> list[PlacedCells]:
    return [tile(encoding, signed, seed, rows, bits) for seed, (encoding, rows) in enumerate(TILES[name])]


def expected(tiles: list[PlacedCells]) -> dict[str, np.ndarray]:
    """Return charge for positive and negative inputs, current and variance of every row, and of the bias rows."""
    rows: dict[str, list[list[int]]] = {name: [] for name in ("positive", "negative", "current", "variance")}
    bias = {name: np.zeros(len(COLUMNS), dtype=np.int64) for name in ("charge", "current", "variance")}
    for held in tiles:
        cells, last = held.cells, held.array_rows
        # 2-PCM: the rows of WP1, then those of WP2, which are other rows; else one row drives both pairs.
        places = [(pair,) for pair in sorted(held.rows)] if held.stacked else [(1, 2)]
        for pairs in places:
            for row in range(held.rows[pairs[0]]):
                add(rows, held, pairs, row)
        for phase in held.phases:
            if phase.part == "positive":  # bias rows conduct once for each pair
                for pair in phase.pairs:
                    side = 0 if phase.polarity == 1 else 1
                    chosen = np.s_[pair - 1, side, last:]
                    bias["charge"] += phase.polarity * cells.charge[chosen].long().sum(0)[COLUMNS].numpy()
                    bias["current"] += cells.current[pair - 1, last:].long().sum(0)[COLUMNS].numpy()
                    bias["variance"] += cells.variance[pair - 1, last:].long().sum(0)[COLUMNS].numpy()
    found = {name: np.array(values) for name, values in rows.items()}
    return found | {f"bias_{name}": values for name, values in bias.items()}


def add(rows: dict[str, list[list[int]]], held: PlacedCells, pairs: tuple[int, ...], row: int) -> None:
    line: dict[str, list[int]] = {name: [0] * len(COLUMNS) for name in rows}
    for phase in held.phases:
        for pair in set(phase.pairs) & set(pairs):
            for n, column in enumerate(COLUMNS.tolist()):
                side = 0 if phase.polarity == 1 else 1
                charge = phase.polarity * int(held.cells.charge[pair - 1, side, row, column])
                line["positive" if phase.part == "positive" else "negative"][n] += charge
                if phase.part == "positive":
                    line["current"][n] += int(held.cells.current[pair - 1, row, column])
                    line["variance"][n] += int(held.cells.variance[pair - 1, row, column])
    for name, values in line.items():
        rows[name].append(values)


def value(planes: torch.Tensor, digits: int) -> np.ndarray:
    """Return what digit planes stand for, (K, N): the first digit is the highest."""
    total = torch.zeros_like(planes.chunk(digits)[0], dtype=torch.int64)
    for digit in planes.chunk(digits):
        total = total * 256 + digit.long()
    return total.t().numpy()


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("name", TILES)
def test_every_row_adds_what_its_cells_give_in_the_phases_of_the_encoding(name: str, signed: bool, bits: int) -> None:
    tiles = made(name, signed, bits)
    matrix, want = charge_matrix(tiles, signed, BIAS_TICKS), expected(tiles)
    digits = 2 if bits == 16 else 3
    assert (matrix.rows, matrix.columns) == want["positive"].shape
    assert matrix.positive.shape == (digits * matrix.columns, matrix.rows)
    np.testing.assert_array_equal(value(matrix.positive, digits), want["positive"])
    np.testing.assert_array_equal(matrix.positive_sum.numpy(), want["positive"].sum(0))
    np.testing.assert_array_equal(matrix.current.t().numpy(), want["current"])
    np.testing.assert_array_equal(matrix.current_sum.numpy(), want["current"].sum(0))
    np.testing.assert_array_equal(matrix.variance.t().numpy(), want["variance"])
    np.testing.assert_array_equal(matrix.variance_sum.numpy(), want["variance"].sum(0))
    if signed:
        np.testing.assert_array_equal(value(matrix.negative, digits), want["negative"])
        np.testing.assert_array_equal(matrix.negative_sum.numpy(), want["negative"].sum(0))
    else:
        assert matrix.negative.shape == (0, matrix.rows)
        assert not matrix.negative_sum.any()


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("name", TILES)
def test_bias_rows_of_all_tiles_add_up(name: str, signed: bool) -> None:
    tiles = made(name, signed)
    matrix, want = charge_matrix(tiles, signed, BIAS_TICKS), expected(tiles)
    np.testing.assert_array_equal(matrix.bias_charge.numpy(), want["bias_charge"] * BIAS_TICKS)
    np.testing.assert_array_equal(matrix.bias_current.numpy(), want["bias_current"] * BIAS_TICKS)
    assert matrix.bias_variance.dtype == torch.float32
    np.testing.assert_array_equal(matrix.bias_variance.numpy(), (want["bias_variance"] * BIAS_TICKS**2).astype("f4"))


@pytest.mark.parametrize("signed", [True, False])
def test_matrices_side_by_side_are_each_for_itself(signed: bool) -> None:
    matrices = [
        charge_matrix([tile(encoding, signed, seed, {1: 10, 2: 10})], signed, BIAS_TICKS)
        for seed, encoding in enumerate((Encoding.AB, Encoding.PCM4, Encoding.AB))
    ]
    narrow = charge_matrix(
        [replace(tile(Encoding.AB, signed, 5, {1: 10, 2: 10}), columns=COLUMNS[:2])], signed, BIAS_TICKS
    )
    matrices.append(narrow)
    joined = side_by_side(matrices)
    assert joined.columns == 11
    assert joined.rows == 10
    np.testing.assert_array_equal(
        value(joined.positive, 2), np.concatenate([value(m.positive, 2) for m in matrices], axis=1)
    )
    if signed:
        np.testing.assert_array_equal(
            value(joined.negative, 2), np.concatenate([value(m.negative, 2) for m in matrices], axis=1)
        )
    else:
        assert joined.negative.shape == (0, 10)
    for field in fields(ChargeMatrix)[2:]:
        torch.testing.assert_close(
            getattr(joined, field.name), torch.cat([getattr(m, field.name) for m in matrices]), rtol=0, atol=0
        )


def test_one_matrix_is_itself() -> None:
    matrix = charge_matrix(made("AB", True), True, BIAS_TICKS)
    assert side_by_side([matrix]) is matrix


def test_records_are_frozen_and_move_as_a_whole() -> None:
    matrix = charge_matrix(made("AB", True), True, BIAS_TICKS)
    moved = matrix.to(torch.device("meta"))
    assert {getattr(moved, field.name).device.type for field in fields(ChargeMatrix)} == {"meta"}
    with pytest.raises(AttributeError):
        matrix.current = matrix.variance  # type: ignore[misc]
    with pytest.raises(AttributeError):
        made("AB", True)[0].stacked = True  # type: ignore[misc]
