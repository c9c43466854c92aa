"""The behavioural engine against loops in Python and float64, and against itself in other batches."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcmesh.execution.behavioural.bank import Bank, Collection
from pcmesh.execution.behavioural.charge import charge_matrix
from pcmesh.execution.behavioural.integer import digit_planes, int8_product
from pcmesh.hardware import Site
from pcmesh.mapping import Encoding
from pcmesh.physics.cell import read_variance_table, variance_unit
from pcmesh.physics.column import RampSetting, column_parameters
from pcmesh.physics.fabrication import Instance, fabricate_tile
from tests.machines import placed, random_conductances, small_chip

CHIP = small_chip()
RAMP = RampSetting(capacitor_units=2, slope_code=300 * 16, zero_ticks=255 * 128)
FULL = 255 * 256


def make_bank(encoding=Encoding.AB, signed=True, digits=1, counted=True, chip=CHIP, seed=0, ramp=RAMP) -> Bank:
    g = random_conductances(chip, seed)
    fabric = fabricate_tile(chip, Instance(seed), Site(0, 0))
    unit = variance_unit(read_variance_table(chip.pcm))
    columns = chip.tile.columns
    pairs = 1 if encoding is Encoding.PCM4 else 2
    collection = Collection(
        torch.zeros(columns, dtype=torch.int32), torch.full((columns,), 256.0, dtype=torch.float64), 255
    )
    return Bank(
        (0,),
        charge_matrix([placed(chip, g, encoding, signed, fabric)], signed, chip.timing.input_max_ns * 256),
        column_parameters(chip, fabric, ramp, unit, pairs),
        torch.arange(columns),
        signed,
        digits,
        None,
        collection if counted else None,
    )


def in_pytorch(bank: Bank, ticks: torch.Tensor, keys: torch.Tensor | None) -> torch.Tensor:
    out = torch.empty((len(ticks), bank.matrix.columns), dtype=torch.int32)
    bank._run_reference(ticks, keys, out)
    return out


def make_ticks(batch: int, rows: int, signed=True, whole=True, seed=1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = -255 if signed else 0
    ticks = torch.randint(low, 256, (batch, rows), generator=generator, dtype=torch.int32)
    return ticks * 256 if whole else ticks * 256 // 3 * 2


def loop_charge(chip, encoding, signed, ticks, g, fabric):
    """Integrate phase by phase, row by row, column by column, in Python integers."""
    tile = placed(chip, g, encoding, signed, fabric)
    rows = chip.tile.rows
    charge = np.zeros((len(ticks), chip.tile.columns), dtype=object)
    current = np.zeros_like(charge)
    for phase in tile.phases:
        for pair in phase.pairs:
            offset = rows if encoding is Encoding.PCM2 and pair == 2 else 0
            cells = tile.cells.charge[pair - 1, 0 if phase.polarity > 0 else 1].tolist()
            levels = tile.cells.current[pair - 1].tolist()
            for b, vector in enumerate(ticks.tolist()):
                for r in range(rows + chip.tile.bias_rows):
                    if r < rows:
                        t = vector[offset + r]
                        width = max(t, 0) if phase.part == "positive" else max(-t, 0)
                    else:
                        width = FULL if phase.part == "positive" else 0
                    for c in range(chip.tile.columns):
                        charge[b, c] += phase.polarity * width * cells[r][c]
                        current[b, c] += width * levels[r][c]
    return charge, current


def loop_codes(column, charge, current):
    """Turn charge into OLP codes in float64."""
    out = np.zeros(charge.shape)
    for b, c in np.ndindex(*charge.shape):
        p = {name: float(getattr(column, name)[c]) for name in column.__dataclass_fields__}
        volts = float(charge[b, c]) * p["volts_per_charge"] * (1 - float(current[b, c]) * p["loss_per_current"])
        volts = min(max(volts, -p["swing_v"]), p["swing_v"])
        ticks = (volts + p["offset_v"]) * p["ticks_per_volt"] + p["zero_ticks"]
        part = ticks / p["full_scale_ticks"]
        ticks += part * (1 - part) * p["bow_ticks"]
        out[b, c] = min(max(ticks, 0), p["full_scale_ticks"]) / 256
    return out


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_bank_equals_loops_over_devices(encoding, signed, whole):
    chip = small_chip(rows=6, columns=4)
    rows = 12 if encoding is Encoding.PCM2 else 6
    bank = make_bank(encoding, signed, digits=1 if whole else 2, chip=chip)
    ticks = make_ticks(3, rows, signed, whole)
    fabric = fabricate_tile(chip, Instance(0), Site(0, 0))
    charge, current = loop_charge(chip, encoding, signed, ticks, random_conductances(chip), fabric)
    codes = bank.run(ticks, None).numpy()
    assert np.abs(codes - loop_codes(bank.column, charge, current)).max() <= 0.5 + 1 / 128


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("digits", [1, 2])
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("batch", [1, 2, 3, 40])
def test_compiled_kernels_give_the_bits_of_the_reference(signed, digits, counted, batch):
    bank = make_bank(signed=signed, digits=digits, counted=counted)
    if digits == 2:
        bank = replace(bank, row_shift=torch.arange(CHIP.tile.rows, dtype=torch.int32) * 37 % 601 - 300)
    ticks = make_ticks(batch, CHIP.tile.rows, signed, whole=digits == 1)
    for keys in (None, torch.arange(batch) * 977):
        assert torch.equal(bank.run(ticks, keys), in_pytorch(bank, ticks, keys))


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("digits", [1, 2])
def test_divided_steps_give_the_bits_of_the_reference_and_the_codes_of_loops(signed, digits):
    chip = small_chip(rows=6, columns=4, preset="ideal")
    g = random_conductances(chip).to(torch.int32) * 256 + torch.arange(4, dtype=torch.int32) * 61
    fabric = fabricate_tile(chip, Instance(0), Site(0, 0))
    matrix = charge_matrix([placed(chip, g, Encoding.AB, signed, fabric)], signed, chip.timing.input_max_ns * 256)
    column = column_parameters(chip, fabric, RAMP, 1.0, 2)
    bank = replace(make_bank(signed=signed, digits=digits, chip=chip), matrix=matrix, column=column)
    ticks = make_ticks(3, 6, signed, whole=digits == 1)
    codes = bank.run(ticks, None)
    assert torch.equal(codes, in_pytorch(bank, ticks, None))
    charge, current = loop_charge(chip, Encoding.AB, signed, ticks, g, fabric)
    assert np.abs(codes.numpy() - loop_codes(column, charge, current)).max() <= 0.5 + 1 / 128


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.randoms(use_true_random=False))
def test_a_row_is_the_same_in_any_batch_and_order(batch, random):
    bank = make_bank()
    ticks, keys = make_ticks(70, CHIP.tile.rows), torch.arange(70) * 31
    whole = bank.run(ticks, keys)
    chosen = random.sample(range(70), batch)
    assert torch.equal(bank.run(ticks[chosen], keys[chosen]), whole[chosen])


def test_chunks_do_not_change_a_bit(monkeypatch):
    bank = make_bank()
    ticks, keys = make_ticks(64, CHIP.tile.rows), torch.arange(64)
    whole = bank.run(ticks, keys)
    monkeypatch.setattr("pcmesh.execution.behavioural.bank._CHUNK_ROWS", 5)
    assert torch.equal(bank.run(ticks, keys), whole)


def test_read_noise_has_the_variance_of_independent_devices():
    """Against a Monte Carlo that draws every device at every read.

    4,000 reads of 16 columns: the ratio of variances of a right engine leaves 1 ± 0.12 in a column with odds of about
    1e-7 (σ of the ratio: sqrt(2 · 2 / 4000) = 0.032 for two samples).
    """
    chip = small_chip(column={"noise_mv": 0.0}, mesh={"jitter_ns": 0.0})
    gentle = RampSetting(capacitor_units=8, slope_code=150 * 16, zero_ticks=255 * 128)
    bank = make_bank(chip=chip, counted=False, ramp=gentle)
    reads = 4000
    ticks = make_ticks(1, chip.tile.rows)
    out = bank.run(ticks.expand(reads, -1).contiguous(), torch.arange(reads) * 7919).double()
    g = random_conductances(chip).long()
    sigma = torch.sqrt(read_variance_table(chip.pcm)).double()[g]
    generator = torch.Generator().manual_seed(5)
    width = torch.cat([ticks[0].abs().double(), torch.full((chip.tile.bias_rows,), float(FULL), dtype=torch.float64)])
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).view(1, 2, 1, 1)

    def one_read() -> torch.Tensor:
        draw = torch.randn(g.shape, generator=generator, dtype=torch.float64)
        return (draw * sigma * signs * width[:, None]).sum((0, 1, 2))

    noise = torch.stack([one_read() for _ in range(reads)])
    expected = noise.var(0) * (bank.column.volts_per_charge.double() * 9600 * bank.column.ticks_per_volt.double()) ** 2
    inside = (out.min(0).values > 0) & (out.max(0).values < FULL)
    assert int(inside.sum()) >= 8
    assert torch.allclose(
        (out.var(0) / expected)[inside], torch.ones(int(inside.sum()), dtype=torch.float64), atol=0.12
    )


def test_noise_is_unbiased_and_new_for_each_key():
    bank = make_bank(counted=False)
    ticks = make_ticks(1, CHIP.tile.rows).expand(3000, -1).contiguous()
    out, quiet = bank.run(ticks, torch.arange(3000)), bank.run(ticks[:1], None)
    inside = (quiet[0] > 2000) & (quiet[0] < FULL - 2000)
    error = (out.double().mean(0) - quiet[0])[inside] / (out.double().std(0)[inside] / math.sqrt(3000))
    assert error.abs().max() < 5
    assert len(torch.unique(out[:, inside][:, 0])) > 1000


@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_integer_product_is_exact(seed, batch, rows, columns):
    generator = torch.Generator().manual_seed(seed)
    left = torch.randint(-128, 128, (batch, rows), generator=generator, dtype=torch.int8)
    matrix = torch.randint(-32512, 32513, (rows, columns), generator=generator, dtype=torch.int32)
    high, low = int8_product(left, digit_planes(matrix)).long().chunk(2, dim=1)
    assert torch.equal(256 * high + low, left.long() @ matrix.long())
