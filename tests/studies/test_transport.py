"""Durations over the whole chip: all wires carry them, and errors grow with them."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from pcmesh.hardware import load_chip
from pcmesh.physics.fabrication import Instance
from pcmesh.studies.transport import Transport, measure_transport

VECTORS = 48


def _measured(number: int = 0, **mesh: float) -> Transport:
    chip = load_chip()
    chip = chip.model_copy(update={"mesh": chip.mesh.model_copy(update=mesh)})
    return measure_transport(chip, Instance(0, number), VECTORS, (50, 250))


def test_every_wire_and_via_carries_pulses() -> None:
    found = _measured()
    assert asdict(found.wires) == {"east_west": 512, "north_south": 512, "vias": 512}
    assert found.hops == {"NW": 8, "NE": 18, "CW": 4, "CE": 14, "SW": 4, "SE": 14}


def test_errors_grow_with_the_duration() -> None:
    """Of four dies the largest errors add up to more at 250 ns: the clocks'; without them they do not grow."""
    dies = [_measured(number) for number in range(4)]
    short, long = (sum(die.ranges[n].max_error_ns for die in dies) for n in (0, 1))
    assert long >= short + 3
    assert max(die.ranges[0].max_error_ns for die in dies) <= 3
    assert max(die.ranges[1].max_error_ns for die in dies) <= 5
    still = _measured(clock_ratio_sigma=0.0)
    assert still.ranges[1].max_error_ns <= still.ranges[0].max_error_ns + 1


def test_a_mesh_without_errors_loses_nothing() -> None:
    still = _measured(hop_width_shift_ns=0.0, hop_width_sigma_ns=0.0, clock_ratio_sigma=0.0, jitter_ns=0.0)
    assert [found.max_error_ns for found in still.ranges] == [0.0, 0.0]
    wide = _measured(hop_width_shift_ns=0.5, hop_width_sigma_ns=0.0, clock_ratio_sigma=0.0, jitter_ns=0.0)
    assert [found.max_error_ns for found in wide.ranges] == pytest.approx([9.0, 9.0])
