"""Keyword spotting of one recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pcmesh.deployed.figures.footprint import model_figures
from pcmesh.progress import Progress, quiet
from pcmesh.speech.datasets import load_recording
from pcmesh.versions import versions
from pcmesh.workloads.kws.experiment import spot
from pcmesh.workloads.kws.prepare import KwsOptions, prepare


def listen(file: Path, options: KwsOptions, progress: Progress = quiet) -> dict[str, Any]:
    """Return the word that the chip and the software network recognise in a recording.

    Args:
        file: a recording; of one that is longer than a second, the second that the data set's reader takes.
        options: chip, weights, seed and age of the one chip instance that listens; the rest has no effect.
        progress: is told what goes on.

    Raises:
        InputError: the file cannot be read as a recording (named).
    """
    speech = load_recording(file)
    prepared = prepare(options, progress, speech)
    progress("chip", 0, 1)
    run = spot(prepared, prepared.model.at(options.time_s))
    progress("chip", 1, 1)
    latency_s = model_figures(prepared.model.program).latency_s
    return {
        "file": str(file),
        "word": speech.class_names[int(run.predicted[0])],
        "software_word": speech.class_names[int(prepared.software[0])],
        "latency_ns": round(1e9 * latency_s),
        "seed": options.seed,
        "chip": prepared.chip.name,
        "versions": versions(),
    }
