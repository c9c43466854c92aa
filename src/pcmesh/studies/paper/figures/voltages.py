"""Voltages of capacitors while a word runs on the clocked chip (paper: Extended Data Fig. 2c)."""

from __future__ import annotations

from pcmesh.deployed.chip import program_nominal
from pcmesh.execution.clocked import ClockedChip
from pcmesh.execution.clocked.voltages import VoltageProbe, Voltages
from pcmesh.execution.hardware import chip_hardware
from pcmesh.physics.fabrication import Instance
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.figures.shapes import Data
from pcmesh.workloads.kws.network import LAYERS

_COLUMNS = 4


def capacitor_voltages(e: Experiments) -> Data:
    """Some columns of the first layer: sampled in four integrations, held, compared with the ramp."""
    return {"kind": "voltages", "layer": LAYERS[0]} | _as_json(_record(e))


def _record(e: Experiments) -> Voltages:
    compiled = e.kws.compiled
    chip, program = program_nominal(compiled, Instance(e.options.seed)), compiled.microcode.chips[0]
    group = compiled.mapping.groups_of(LAYERS[0])[0]
    probe = VoltageProbe()
    probes = {compiled.placement.places[group.tiles[-1]].site: probe}
    ClockedChip(chip_hardware(chip.network), program).run({e.kws_pulses: e.kws_ticks[:1]}, noise=False, probes=probes)
    first = probe.voltages(range(e.chip.tile.columns))[0]
    return probe.voltages(_spread(first))[0]


def _spread(use: Voltages) -> list[int]:
    """Return columns from the lowest to the highest voltage held."""
    order = sorted(use.columns, key=lambda column: use.volts[column][-1])
    return [order[round(n * (len(order) - 1) / (_COLUMNS - 1))] for n in range(_COLUMNS)]


def _as_json(use: Voltages) -> Data:
    return {
        "time_ns": list(use.time_ns),
        "columns": [
            {"column": column, "volts": list(volts), "ramp_volts": list(ramp), "pulse_ns": pulse}
            for column, volts, ramp, pulse in zip(use.columns, use.volts, use.ramp_volts, use.pulse_ns, strict=True)
        ],
        "integrations": [[one.name, one.begin_ns, one.end_ns] for one in use.integrations],
        "ramp_ns": list(use.ramp_ns),
    }
