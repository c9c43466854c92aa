"""Voltages of capacitors over time: they end at what the ramp reads, rise and fall with pulses, and are held."""

import numpy as np
import pytest

from pcmesh.execution.clocked import ClockedChip
from pcmesh.execution.clocked.voltages import VoltageProbe, Voltages
from pcmesh.hardware import Site
from pcmesh.mapping import Encoding, LayerOptions
from tests.clocked.machines import Machine, machine
from tests.machines import small_chip
from tests.networks import chain


def probed(made: Machine, columns: list[int]) -> dict[Site, list[Voltages]]:
    program = made.microcode.chips[0]
    sites = {made.placement.places[group.tiles[-1]].site for group in made.mapping.groups}
    probes = {site: VoltageProbe() for site in sites}
    chip = ClockedChip(made.hardware(), program)
    plain = chip.run(made.frames(1), noise=False)
    watched = chip.run(made.frames(1), noise=False, probes=probes)
    assert all(bool((watched.codes[group] == codes).all()) for group, codes in plain.codes.items())
    return {site: probe.voltages(columns) for site, probe in probes.items()}


@pytest.fixture(scope="module")
def made() -> Machine:
    chip = small_chip(column={"ramp_bow": 0.0})
    rows, columns = chip.tile.rows, chip.tile.columns
    options = {name: LayerOptions(encoding=Encoding.AB) for name in ("fc0", "fc1")}
    return machine(chain((2 * rows, columns, columns)), chip, options)


def test_the_ramp_reads_what_was_integrated(made: Machine) -> None:
    for uses in probed(made, list(range(made.network.chip.tile.columns))).values():
        for use in uses:
            held = np.array([line[-1] for line in use.volts])
            low, high = np.array(use.ramp_volts).T
            length = use.ramp_ns[1] - use.ramp_ns[0]
            expected = ((held - low) / (high - low)).clip(0, 1) * length
            assert np.abs(expected - np.array(use.pulse_ns)).max() < 0.01


def test_voltages_start_at_the_precharge_and_are_held_between_integrations(made: Machine) -> None:
    found = probed(made, [0, 1])
    assert all(found.values())
    uses = [use for several in found.values() for use in several]
    for use in uses:
        time = np.array(use.time_ns)
        assert time[0] == 0
        assert (np.diff(time) > 0).all()
        for line in use.volts:
            volts = np.array(line)
            assert not volts[time <= use.integrations[0].begin_ns].any()
            assert np.ptp(volts[time >= use.integrations[-1].end_ns]) == 0
            assert np.ptp(volts) > 0
    names = {window.name for use in uses for window in use.integrations}
    assert {"+x on WP1", "-x on WP1"} <= names
