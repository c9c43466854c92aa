"""Chips that people ask about: other integration times, fewer bits, more output landing pads."""

from __future__ import annotations

import pytest

from pcmesh.errors import ConfigurationError
from pcmesh.hardware import load_chip
from pcmesh.hardware.variants import with_input_bits, with_integration, with_more_olps

CHIP = load_chip()


def test_half_the_integration_time_has_half_as_long_pulses() -> None:
    timing = with_integration(CHIP, 150).timing
    assert (timing.integration_ns, timing.input_max_ns) == (150, 127)
    assert (timing.step_ns, timing.output_max_ns, timing.output_step_ns) == (300, 255, 1.0)
    assert with_integration(CHIP, 300).timing == CHIP.timing


def test_where_pulses_go_from_tile_to_tile_outputs_change_with_inputs() -> None:
    timing = with_integration(CHIP, 150, tile_to_tile=True).timing
    assert timing.step_ns == timing.integration_ns == 150
    assert timing.output_max_ns == timing.input_max_ns == 127
    assert timing.output_max_ns / timing.output_step_ns == pytest.approx(255, abs=1)


def test_fewer_bits_are_shorter_pulses_at_the_same_clock() -> None:
    assert with_input_bits(CHIP, 8).timing == CHIP.timing
    timing = with_input_bits(CHIP, 4).timing
    assert (timing.input_max_ns, timing.integration_ns, timing.input_step_ns) == (15, 60, 1.0)


def test_more_output_landing_pads_listen_where_input_landing_pads_drive() -> None:
    grid = with_more_olps(CHIP, 6).grid
    assert len(grid.olps) == 12
    assert grid.ilps == CHIP.grid.ilps
    assert {(pad.edge, pad.row) for pad in grid.olps[6:]} == {(pad.edge, pad.row) for pad in grid.ilps}


def test_what_cannot_be_is_refused() -> None:
    for impossible in (
        lambda: with_integration(CHIP, 400),
        lambda: with_integration(CHIP, 0),
        lambda: with_input_bits(CHIP, 9),
        lambda: with_more_olps(CHIP, 7),
    ):
        with pytest.raises(ConfigurationError):
            impossible()
