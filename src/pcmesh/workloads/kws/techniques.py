"""What each technique is worth: the same words on the same chips, with one technique left out, and at several ages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from pcmesh.analysis.accuracy import accuracy, interval_95
from pcmesh.deployed import ChipModel
from pcmesh.durations import format_duration
from pcmesh.progress import Progress, quiet
from pcmesh.workloads.kws.experiment import spot
from pcmesh.workloads.kws.prepare import KwsOptions, Prepared, prepare, remapped

ALL = "everything on"
UNAWARE = "without hardware-aware training"
_LEFT_OUT = {
    "without asymmetry balance": (False, True),
    "without calibration": (True, False),
    "without either": (False, False),
}
"""Name -> whether asymmetry balance and calibration are on."""


def compare_techniques(options: KwsOptions, progress: Progress = quiet) -> dict[str, Any]:
    """Run the keyword experiment as it is, with one technique left out, and aged.

    Args:
        options: words, chips, seed; the balance, calibration and drift times of the comparison are chosen here.
        progress: called with a stage, what is done of it and its total.

    Returns:
        The result (`result.json`; its keys are described in docs/kws.md).
    """
    first = prepare(replace(options, balanced=True, calibrated=True, time_s=0.0), progress)
    rows: list[dict[str, Any]] = []
    names = (ALL, *_LEFT_OUT, UNAWARE)
    for number, name in enumerate(names):
        progress("techniques", number, len(names) + 1)
        prepared = _variant(name, first)
        chips = [prepared.on_chip(chip) for chip in range(options.chips)]
        rows.append(_row(name, prepared, chips, rows))
    progress("techniques", len(names), len(names) + 1)
    chips = [first.on_chip(number) for number in range(options.chips)]
    rows += [_row(name, first, aged, rows) for name, aged in _ages(chips, options.drift_times_s)]
    progress("techniques", len(names) + 1, len(names) + 1)
    return {
        "techniques": rows,
        "n_utterances": len(first.speech),
        "data": {
            "kind": first.speech.kind,
            "source": first.speech.source,
            "calibration": first.calibration_source,
        },
        "chips": options.chips,
        "seed": options.seed,
        "configuration": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(options).items()},
    }


def _variant(name: str, first: Prepared) -> Prepared:
    if name == ALL:
        return first
    if name in _LEFT_OUT:
        return remapped(first, *_LEFT_OUT[name])
    with as_file(files("pcmesh.workloads.kws") / "weights" / "plain" / "kws.safetensors") as plain:
        return prepare(replace(first.options, weights=plain), quiet, first.speech)


def _ages(chips: list[ChipModel], times_s: tuple[float, ...]) -> Iterator[tuple[str, list[ChipModel]]]:
    for time_s in times_s:
        aged = [chip.at(time_s) for chip in chips]
        yield f"after {format_duration(time_s)}", aged
        yield f"after {format_duration(time_s)}, new bias rows", [chip.recalibrate() for chip in aged]


def _row(name: str, prepared: Prepared, chips: list[ChipModel], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one line; `rows` begins with the chips that have everything on, to which each chip is compared."""
    labels = prepared.speech.labels
    per_chip = [accuracy(spot(prepared, chip).predicted, labels) for chip in chips]
    best = rows[0]["chip_accuracy"]["per_chip"] if rows else per_chip
    changes = [value - other for value, other in zip(per_chip, best, strict=True)]
    software = accuracy(prepared.software, labels)
    mean = sum(per_chip) / len(per_chip)
    return {
        "name": name,
        "software_accuracy": software,
        "chip_accuracy": {"mean": mean, "ci95": list(interval_95(per_chip)), "per_chip": per_chip},
        "of_software": mean / max(software, 1e-9),
        "change": {"mean": sum(changes) / len(changes), "ci95": list(interval_95(changes))},
    }
