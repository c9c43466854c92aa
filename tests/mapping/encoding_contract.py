"""What every encoding must hold, also one of another package: subclass `EncodingContract` and give `encoding`."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch

import pcmesh
from pcmesh.deployed import ChipModel
from pcmesh.errors import VerificationError
from pcmesh.execution.behavioural.network import build_network
from pcmesh.execution.clocked.frames import random_frames
from pcmesh.execution.clocked.verify import codes_by_group, verify
from pcmesh.execution.hardware import chip_hardware
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import ENCODINGS, Encoding, EncodingRecord, LayerOptions, Mapping, map_network
from tests.machines import small_chip
from tests.networks import chain

ROWS, COLUMNS = 32, 16
"""Of the small tiles."""


def mapped(encoding: Encoding, rows: int = 70, chip: ChipSpec | None = None) -> Mapping:
    """Return a layer of some rows in an encoding."""
    return map_network(chain((rows, 20)), chip or small_chip(ROWS, COLUMNS), {"fc0": LayerOptions(encoding=encoding)})


def network(inputs: int, unsigned: bool) -> torch.nn.Module:
    """Return a network whose first or second product has inputs that are never negative."""
    torch.manual_seed(0)
    first = [torch.nn.ReLU()] if unsigned else []
    return torch.nn.Sequential(*first, torch.nn.Linear(inputs, 24), torch.nn.Tanh(), torch.nn.Linear(24, 5))


def codes_differing(model: ChipModel) -> int:
    """Return how many codes of two random frames the clocked chip gives otherwise than the behavioural engine."""
    compiled, chip = model.program.compiled, model.side.chip
    assert compiled is not None
    inputs = random_frames(compiled.graph, compiled.chip, 2, 0)
    outputs = build_network(chip.network, compiled.graph, compiled.ramps, chip.paths).run(inputs, None)
    expected = codes_by_group(compiled.mapping, outputs)
    result = verify(compiled.microcode, lambda die: chip_hardware(chip.network, die), inputs, expected)
    assert result.codes_compared == 2 * (24 + 5)
    return result.codes_differing


class EncodingContract:
    """Tests of one encoding, from its record to the clocked chip."""

    largest_error = 0.4
    """Of outputs on a real chip, in units of their size."""

    @pytest.fixture
    def encoding(self) -> Encoding:
        """Return the encoding."""
        raise NotImplementedError

    @pytest.fixture
    def record(self, encoding: Encoding) -> EncodingRecord:
        return encoding.record

    def test_it_has_one_name(self, encoding: Encoding, record: EncodingRecord) -> None:
        assert isinstance(record, EncodingRecord)
        assert encoding in ENCODINGS.names()
        assert record.name == encoding.value == str(encoding)
        assert record.meaning
        assert Encoding(str(encoding)) is encoding
        assert pickle.loads(pickle.dumps(encoding)) is encoding
        assert copy.deepcopy(encoding) is encoding

    def test_an_option_takes_its_name_and_survives_json(self, encoding: Encoding) -> None:
        options = LayerOptions(encoding=encoding)
        assert LayerOptions.model_validate_json(options.model_dump_json()) == options
        mapping = mapped(encoding)
        again = Mapping.model_validate_json(mapping.model_dump_json())
        assert again == mapping
        assert {tile.encoding for tile in again.tiles} == {encoding}

    @pytest.mark.parametrize("rows", [1, ROWS, ROWS + 1, 2 * ROWS, 5 * ROWS])
    def test_every_weight_lands_once(self, encoding: Encoding, record: EncodingRecord, rows: int) -> None:
        mapping = mapped(encoding, rows)
        mapping.verify()
        blocks = -(-rows // ROWS)
        assert len(mapping.tiles) == 2 * -(-blocks // record.row_blocks)
        first = sum(tile.wp1.rows * tile.wp1.columns for tile in mapping.tiles)
        second = sum(tile.wp2.rows * tile.wp2.columns for tile in mapping.tiles if tile.wp2 is not None)
        assert (first + second if record.stacked else first) == rows * 20
        assert mapping.devices == record.devices * (first + second)

    def test_a_tile_that_holds_something_else_is_refused(self, encoding: Encoding) -> None:
        mapping = mapped(encoding)
        tile = mapping.tiles[0]
        wrong = tile.wp1.model_copy(update={"row_start": 3, "row_stop": 3 + tile.wp1.rows, "sign": 1})
        tiles = (tile.model_copy(update={"wp2": wrong}), *mapping.tiles[1:])
        with pytest.raises(VerificationError):
            mapping.model_copy(update={"tiles": tiles}).verify()

    @pytest.mark.parametrize("signed", [True, False])
    def test_steps_use_what_the_pairs_hold(self, record: EncodingRecord, signed: bool) -> None:
        for uses_wp2 in (True, False) if record.stacked else (True,):
            steps = record.steps(signed, uses_wp2)
            assert 1 <= len(steps) <= 4
            assert len(set(steps)) == len(steps)
            assert {pair for step in steps for pair in step.pairs} <= ({1, 2} if uses_wp2 else {1})
            assert signed == any(step.part == "negative" for step in steps)

    @pytest.mark.parametrize("unsigned", [False, True])
    @pytest.mark.parametrize("inputs", [20, 100])
    def test_on_the_ideal_chip_it_is_the_product(self, encoding: Encoding, inputs: int, unsigned: bool) -> None:
        software, x = network(inputs, unsigned), torch.randn(64, inputs, generator=torch.Generator().manual_seed(1))
        chip = small_chip(ROWS, COLUMNS, "ideal")
        on_chip = pcmesh.compile(software, x, chip=chip, encoding=encoding, clipped_share=0.0)
        wanted = software(x).detach()
        assert float((on_chip(x) - wanted).abs().max() / wanted.abs().max()) < 1e-3

    def test_on_a_real_chip_it_is_near_and_devices_hold_it(self, encoding: Encoding) -> None:
        software, x = network(60, False), torch.randn(300, 60, generator=torch.Generator().manual_seed(1))
        on_chip = pcmesh.compile(software, x, encoding=encoding)
        wanted = software(x).detach()
        assert float((on_chip(x).detach() - wanted).norm() / wanted.norm()) < self.largest_error
        exported = on_chip.export().module()(x)
        assert float((exported - wanted).norm() / wanted.norm()) < self.largest_error
        assert 0 < on_chip.noise_config().weight_sigma < 0.1 / encoding.record.amplitude

    def test_pulses_go_from_tile_to_tile(self, encoding: Encoding) -> None:
        """The analog calibration writes slopes and bias rows in the encoding."""
        torch.manual_seed(0)
        software = torch.nn.Sequential(torch.nn.Linear(50, 24), torch.nn.ReLU(), torch.nn.Linear(24, 5))
        x = torch.randn(300, 50, generator=torch.Generator().manual_seed(1))
        wanted = software(x).detach()
        for chip, limit in (("ideal", 0.05), ("nature2023", self.largest_error)):
            on_chip = pcmesh.compile(software, x, chip=chip, encoding=encoding, hand_over=True)
            assert float((on_chip(x).detach() - wanted).norm() / wanted.norm()) < limit

    def test_both_engines_give_the_same_codes(self, encoding: Encoding, tmp_path: Path) -> None:
        """Code by code, on a chip with all its faults but without read noise; also from a stored network."""
        software, x = network(60, False), torch.randn(100, 60, generator=torch.Generator().manual_seed(1))
        model = pcmesh.compile(software, x, encoding=encoding, route=True)
        model.save(tmp_path / "stored")
        assert [codes_differing(model), codes_differing(pcmesh.load(tmp_path / "stored", software))] == [0, 0]
