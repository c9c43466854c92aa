"""Bias rows written again: their own devices begin to drift anew, as young ones; all others go on as they were."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pcmesh.errors import InputError
from pcmesh.hardware import DEVICE_LAWS, ChipSpec
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.mapping.mapper import map_network
from pcmesh.physics.fabrication import Instance
from pcmesh.placement.direct import place_direct
from pcmesh.programming.chip import ProgrammedNetwork, fabricate, program, program_bias
from pcmesh.programming.targets import LayerTargets
from tests.machines import small_chip
from tests.networks import chain

WEEK = 604_800.0
CHIP = small_chip(64, 16, pcm={"read_noise_window_s": 1e12})


def programmed(encoding: Encoding = Encoding.AB, rows: int = 64, chip: ChipSpec = CHIP) -> ProgrammedNetwork:
    graph = chain((rows, 16))
    mapping = map_network(graph, chip, {"fc0": LayerOptions(encoding=encoding)})
    blank = fabricate(chip, Instance(0), mapping, place_direct(mapping, chip))
    weight = torch.randn(rows, 16, generator=torch.Generator().manual_seed(0))
    targets = replace(LayerTargets.nominal(weight, 3.0), bias=torch.linspace(2, 4, 16))
    return program(blank, {"fc0": targets}, 0)


def rewritten(network: ProgrammedNetwork, *columns: int, attempt: int = 1) -> ProgrammedNetwork:
    chosen = torch.zeros(16, dtype=torch.bool)
    chosen[list(columns)] = True
    return program_bias(network, "fc0", network.targets["fc0"].bias, chosen, attempt)


def bias_rows(network: ProgrammedNetwork, tile: int = 0) -> torch.Tensor:
    return network.conductances(tile)[:, :, network.chip.tile.rows :]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_columns_that_are_not_written_keep_their_age_and_values(encoding: Encoding) -> None:
    network = programmed(encoding)
    week = network.aged(WEEK)
    after = rewritten(week, 0)
    assert torch.equal(bias_rows(after)[..., 1:], bias_rows(week)[..., 1:])
    assert not torch.equal(bias_rows(week), bias_rows(network))
    assert not torch.equal(bias_rows(after)[..., 0], bias_rows(week)[..., 0])
    rows = CHIP.tile.rows
    assert torch.equal(after.conductances(0)[:, :, :rows], week.conductances(0)[:, :, :rows])
    month = 4 * WEEK
    assert torch.equal(bias_rows(after.aged(month))[..., 1:], bias_rows(network.aged(month))[..., 1:])


def test_columns_written_twice_are_as_old_as_their_last_writing() -> None:
    first = rewritten(programmed().aged(WEEK), 0, 1)
    second = rewritten(first.aged(2 * WEEK), 1, attempt=2)
    alone = rewritten(programmed().aged(2 * WEEK), 1, attempt=2)
    assert torch.equal(bias_rows(second)[..., 1], alone.g[0][:, :, CHIP.tile.rows :, 1])
    assert torch.equal(bias_rows(second.aged(3 * WEEK))[..., 0], bias_rows(first.aged(3 * WEEK))[..., 0])
    assert torch.equal(bias_rows(second.aged(3 * WEEK))[..., 1], bias_rows(alone.aged(3 * WEEK))[..., 1])


def test_bias_rows_written_again_drift_as_young_devices() -> None:
    """Mean share left of 1,024 devices an hour after writing, by the law from t_0 = 200 s on; 5 sigma."""
    chip = small_chip(64, 256, pcm={"read_noise_window_s": 1e12})
    week = programmed_wide(chip).aged(WEEK)
    hour = week.aged(WEEK + 3600.0)
    written = bias_rows(week).double()
    level = np.array([float(written[written > 2000].mean()) / 9600])
    left = bias_rows(hour)[written > 2000].double() / written[written > 2000]
    law = DEVICE_LAWS.load(chip.pcm.law)
    young = (1 + 3600.0 / chip.pcm.rewriting_age_s) ** -float(law.drift_mean(level)[0])
    old = (1 + 3600.0 / chip.pcm.calibration_age_s) ** -float(law.drift_mean(level)[0])
    assert float(left.mean()) == pytest.approx(young, abs=0.01)
    assert old - young > 0.1


def programmed_wide(chip: ChipSpec) -> ProgrammedNetwork:
    graph = chain((64, 256))
    mapping = map_network(graph, chip)
    blank = fabricate(chip, Instance(0), mapping, place_direct(mapping, chip))
    targets = replace(LayerTargets.nominal(torch.zeros(64, 256), 1.0), bias=torch.full((256,), 4.0))
    network = program(blank, {"fc0": targets}, 0).aged(WEEK)
    return program_bias(network, "fc0", targets.bias, torch.ones(256, dtype=torch.bool), 1)


def test_only_the_tile_whose_capacitors_count_is_written() -> None:
    network = programmed(rows=128)
    after = rewritten(network.aged(WEEK), 0, 5)
    assert set(after.bias_written_s) == {1}
    written_s = after.bias_written_s[1]
    assert written_s.shape == (2, 2, CHIP.tile.bias_rows, 16)
    assert written_s[..., [0, 5]].eq(WEEK).all()
    assert written_s.count_nonzero() == 2 * written_s[..., 0].numel()


def test_a_layer_programmed_anew_has_the_age_of_its_weights() -> None:
    network = programmed()
    again = program(rewritten(network.aged(WEEK), 0), {"fc0": network.targets["fc0"]}, 0)
    assert torch.equal(again.conductances(0), network.aged(WEEK).conductances(0))


@pytest.mark.parametrize("age_s", [0.0, 0.5 * WEEK, float("nan"), float("inf")])
def test_a_chip_is_not_younger_than_its_bias_rows(age_s: float) -> None:
    after = rewritten(programmed().aged(WEEK), 3)
    with pytest.raises(InputError, match="written 1 w after calibration"):
        after.aged(age_s)
    for time_s in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="cannot be"):
            programmed().aged(time_s)
