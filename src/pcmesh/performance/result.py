"""Runs as plain data, as `result.json` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pcmesh.network.operations.digital import DIGITAL_COSTS
from pcmesh.performance.costs import CostTable
from pcmesh.performance.energy import DIGITAL, Energy
from pcmesh.performance.run import DataSet, TimedRun

_TERA = 1e12


def data_result(data: DataSet) -> dict[str, Any]:
    """Return what ran."""
    return {
        "described": data.described,
        "utterances": len(data.frames),
        "audio_s": data.audio_s,
        "frames": int(data.frames.sum()),
        "letters": None if data.letters is None else int(data.letters.sum()),
    }


def variant_result(
    run: TimedRun, by_overlap: Mapping[bool, TimedRun], energy: Energy, costs: CostTable
) -> dict[str, Any]:
    """Return the figures of one variant of a network.

    Args:
        run: the run that is reported.
        by_overlap: the runs without and with overlap of utterances, for comparison.
        energy: of that run.
        costs: the table that it was counted with.
    """
    operations = run.operations
    return {
        **_rates(energy.total, operations.total_analog, run),
        "utterances": run.utterances,
        "operations": operations.total_analog,
        "total_time_s": run.total_s,
        "samples_per_s": run.samples_per_s,
        "mean_sample_us": 1e6 / run.samples_per_s,
        "real_time_factor": run.real_time_factor,
        "tops": operations.total_analog / run.total_s / _TERA,
        "time_s": {"no_overlap": by_overlap[False].total_s, "overlap": by_overlap[True].total_s},
        "digital": {
            "operations": operations.total_digital,
            "ratio": operations.total_analog / max(operations.total_digital, 1),
            "analog_share": operations.total_analog / (operations.total_analog + operations.total_digital),
            "by_task": dict(operations.digital),
            "costs": [asdict(cost) for cost in DIGITAL_COSTS],
        },
        "energy": {
            "total_j": energy.total,
            "chips_j": energy.chips,
            "chips_tops_per_w": operations.total_analog / energy.chips / _TERA,
            "digital_j": energy.by("supply").get(DIGITAL, 0.0),
            **{f"by_{axis}_j": energy.by(axis) for axis in ("supply", "phase", "layer", "cost")},
            "costs": [entry.model_dump() for entry in costs.cost],
        },
        "per_chip": [_chip(run, number, energy.of_chip(number + 1)) for number in range(len(run.operation_ns))],
        "per_layer": [
            {"layer": layer, "runs": runs, "operations": operations.analog[layer]}
            for layer, runs in operations.runs.items()
        ],
    }


def _rates(joule: float, operations: int, run: TimedRun) -> dict[str, float]:
    return {
        "energy_j": joule,
        "power_w": joule / run.total_s,
        "tops_per_w": operations / joule / _TERA,
        "samples_per_s_per_w": run.utterances / joule,
    }


def _chip(run: TimedRun, number: int, energy: Energy) -> dict[str, Any]:
    layers = [name for stage in run.pipeline.stages if number in stage.chips for name in stage.layers]
    analog = sum(run.operations.analog[name] for name in layers)
    period = [unit.period_ns for unit in run.pipeline.units if number in unit.chips]
    return {
        "chip": number + 1,
        "layers": layers,
        **_rates(energy.total, analog, run),
        "running_power_w": energy.total / (run.activity[number] * run.total_s),
        "by_supply_j": energy.by("supply"),
        "samples_per_s": run.samples_per_s,
        "mean_sample_us": 1e6 / run.samples_per_s,
        "real_time_factor": run.real_time_factor,
        "operations": analog,
        "runs": run.runs_of_chips[number],
        "operation_ns": run.operation_ns[number],
        "period_ns": max(period, default=None),
        "activity": run.activity[number],
        "utterances": run.utterances,
        "total_time_s": run.total_s,
        "busy_s": run.activity[number] * run.total_s,
    }
