"""The result of a keyword experiment as plain data: what `result.json` holds and reports are drawn from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from pcmesh.analysis.accuracy import ISO_ACCURACY, accuracy, confusion, interval_95
from pcmesh.analysis.mac import MacError
from pcmesh.deployed.figures.footprint import model_figures
from pcmesh.programming.quality import PairQuality, overall
from pcmesh.versions import versions
from pcmesh.workloads.kws.prepare import Prepared

SCATTER_POINTS = 1500
MAP_SIZE = 64


@dataclass(frozen=True)
class ChipRun:
    """One chip instance's outputs: predictions (B,) int64, MAC errors by layer, programming quality by pair."""

    predicted: torch.Tensor
    mac: dict[str, MacError]
    quality: tuple[PairQuality, ...]


@dataclass(frozen=True)
class DriftPoint:
    """Accuracy of one chip at an age, as it was calibrated at first and with its bias rows calibrated anew."""

    time_s: float
    accuracy: float
    accuracy_recalibrated: float


def kws_result(prepared: Prepared, runs: list[ChipRun], drift: list[DriftPoint]) -> dict[str, Any]:
    """Return the result of one or more chip instances; docs/kws.md describes its keys."""
    options, speech, labels = prepared.options, prepared.speech, prepared.speech.labels
    per_chip = [accuracy(run.predicted, labels) for run in runs]
    software = accuracy(prepared.software, labels)
    yields = [overall(run.quality) for run in runs]
    schedule = prepared.compiled.routing.chips[0]
    figures = model_figures(prepared.model.program)
    low, high = interval_95(per_chip)
    return {
        "software_accuracy": software,
        "chip_accuracy": {"mean": sum(per_chip) / len(per_chip), "ci95": [low, high], "per_chip": per_chip},
        "iso_limit": ISO_ACCURACY * software,
        "n_utterances": len(speech),
        "data": {
            "kind": speech.kind,
            "source": speech.source,
            "split": options.split if options.data else "test",
            "calibration": prepared.calibration_source,
        },
        "frame_interval_ns": round(1e9 * figures.interval_s),
        "frame_steps": schedule.interval_steps,
        "latency_ns": round(1e9 * figures.latency_s),
        "digital_ns": round(1e9 * figures.after_s),
        "frame_energy_j": figures.energy_j,
        "energy_by": figures.energy_by,
        "tiles": len(prepared.compiled.mapping.tiles),
        "analog_yield": sum(y for y, _ in yields) / len(yields),
        "mean_weight_error": sum(e for _, e in yields) / len(yields),
        "layers": _layers(prepared, runs),
        "seed": options.seed,
        "time_since_programming_s": options.time_s,
        "versions": versions(),
        "configuration": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(options).items()},
        "chip": prepared.chip.model_dump(mode="json"),
        "figures": _figures(prepared, runs, drift),
    }


def _layers(prepared: Prepared, runs: list[ChipRun]) -> list[dict[str, Any]]:
    found = []
    for layer in prepared.compiled.mapping.layers:
        sigma = [run.mac[layer.layer].sigma for run in runs]
        correlation = [run.mac[layer.layer].correlation for run in runs]
        found.append(
            {
                "name": layer.layer,
                "rows": layer.rows,
                "columns": layer.columns,
                "encoding": str(layer.encoding),
                "tiles": sum(t.wp1.layer == layer.layer for t in prepared.compiled.mapping.tiles),
                "mac_sigma": sum(sigma) / len(sigma),
                "correlation": sum(correlation) / len(correlation),
            }
        )
    return found


def _figures(prepared: Prepared, runs: list[ChipRun], drift: list[DriftPoint]) -> dict[str, Any]:
    names, labels, first = prepared.speech.class_names, prepared.speech.labels, runs[0]
    return {
        "class_names": list(names),
        "confusion_software": confusion(prepared.software, labels, len(names)),
        "confusion_chip": confusion(first.predicted, labels, len(names)),
        "scatter": {name: error.sample(SCATTER_POINTS) for name, error in first.mac.items()},
        "programming": [pair.as_json(MAP_SIZE) for pair in first.quality],
        "drift": [asdict(point) for point in drift],
        "schedule": _schedule(prepared),
    }


def _schedule(prepared: Prepared) -> list[dict[str, Any]]:
    """Say in words what each tile does in each time step, and when it begins (paper: Fig. 3e)."""
    mapping, schedule, found = prepared.compiled.mapping, prepared.compiled.routing.chips[0], []
    for number, step in enumerate(schedule.steps):
        activities = [
            f"{mapping.tiles[done.tile].wp1.layer}: tile {done.tile} integrates "
            f"{'+'.join(f'WP{pair}' for pair in done.phase.pairs)} {'+' if done.phase.polarity > 0 else '-'}"
            for done in step.integrations
        ]
        activities += [f"{mapping.groups[read.group].layer}: read out, {read.activation}" for read in step.readouts]
        begin = schedule.start_ns(number, prepared.chip.timing)
        found.append({"step": number + 1, "begin_ns": begin, "activities": activities})
    return found
