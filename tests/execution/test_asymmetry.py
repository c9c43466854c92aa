"""Asymmetry balance: what it cancels, for any asymmetry drawn (paper: Fig. 3d)."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcmesh.execution.behavioural.charge import charge_matrix
from pcmesh.execution.behavioural.integer import int8_product
from pcmesh.mapping import Encoding
from pcmesh.physics.fabrication import TileFabric
from tests.machines import placed, random_conductances, small_chip

CHIP = small_chip(rows=24, columns=8)
ASYMMETRY = st.floats(-0.12, 0.12)


def fabric(branch: torch.Tensor, direction: torch.Tensor) -> TileFabric:
    ones = torch.ones(CHIP.tile.columns)
    return TileFabric(branch, direction, ones, 0 * ones, 0 * ones, 0.0, 0)


def gains(encoding: Encoding, made: TileFabric) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a positive and a negative input contribute per tick, without bias rows, (rows, columns) each."""
    matrix = charge_matrix(
        [placed(CHIP, random_conductances(CHIP, balanced=True), encoding, True, made)],
        True,
        CHIP.timing.input_max_ns * 256,
    )
    identity = torch.eye(matrix.rows, dtype=torch.int8)
    values = []
    for planes in (matrix.positive, matrix.negative):
        high, low = int8_product(identity, planes).long().chunk(2, dim=1)
        values.append(256 * high + low)
    return values[0], values[1]


@settings(max_examples=100, deadline=None)
@given(st.lists(ASYMMETRY, min_size=8, max_size=8), st.lists(ASYMMETRY, min_size=8, max_size=8))
def test_ab_cancels_branch_and_direction_asymmetry_exactly(branch, direction):
    """AB of any asymmetric tile is AB of the symmetric one, but for the lattice's last digit (four roundings)."""
    none = torch.zeros(CHIP.tile.columns)
    ideal = gains(Encoding.AB, fabric(none, none))
    real = gains(Encoding.AB, fabric(torch.tensor(branch), torch.tensor(direction)))
    for got, want in zip(real, ideal, strict=True):
        assert int((got - want).abs().max()) <= 2
    assert torch.equal(ideal[0], -ideal[1])


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 0.12), st.sampled_from(["branch", "direction"]))
def test_2pcm_does_not(size, which):
    none, some = torch.zeros(CHIP.tile.columns), torch.full((CHIP.tile.columns,), size)
    ideal = gains(Encoding.PCM2, fabric(none, none))
    real = gains(Encoding.PCM2, fabric(some if which == "branch" else none, some if which == "direction" else none))
    worst = max(int((got - want).abs().max()) for got, want in zip(real, ideal, strict=True))
    assert worst > 0.5 * size * 9600
