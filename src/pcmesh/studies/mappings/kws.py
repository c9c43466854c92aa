"""Tiles, energy and errors of the keyword network in every mapping, with the paper's mapping among them.

    python -m pcmesh.studies.mappings.kws --data FOLDER

All 27 mappings of three layers in three encodings are programmed and measured; no other beats a point of the front in
tiles, energy and accuracy at once. The solver's choice under each budget of tiles is marked, so that one sees how good
its guide is, the sum of what single layers lose. About two minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import Tensor

from pcmesh.analysis.front import Point, by_tiles, on_front
from pcmesh.analysis.mapping_choice.candidates import Candidate, candidates
from pcmesh.analysis.mapping_choice.choose import choose
from pcmesh.analysis.mapping_choice.losses import decision_error
from pcmesh.deployed import ChipModel, compile_model
from pcmesh.deployed.figures.footprint import model_figures
from pcmesh.files.writing import write_json, write_text
from pcmesh.mapping import Encoding
from pcmesh.progress import quiet
from pcmesh.reporting.drawings.pareto import PAPER, pareto_figure, pareto_table
from pcmesh.versions import versions
from pcmesh.workloads.kws.network import LAYERS
from pcmesh.workloads.kws.prepare import KwsOptions, prepare

_CALIBRATION_FRAMES = 512

Ways = tuple[str, ...]


@dataclass(frozen=True)
class Keywords:
    """The keyword network, features (B, 49, 40) and labels (B,) of words, and the chip model to map anew."""

    network: torch.nn.Module
    features: Tensor
    labels: Tensor
    calibration: Tensor
    model: ChipModel


def load_keywords(data: Path | None, utterances: int | None) -> Keywords:
    """Return the shipped network on recordings, or on synthetic speech."""
    ready = prepare(KwsOptions(data=data, utterances=utterances), quiet)
    calibration = ready.model.program.captured.examples.args[0][:_CALIBRATION_FRAMES]
    model = compile_model(ready.network, calibration, name="keywords")
    return Keywords(ready.network, ready.features, ready.speech.labels, calibration, model)


def choices_by_budget(found: Sequence[Candidate]) -> dict[int, Ways]:
    """Return the solver's choice for each number of tiles that may be taken."""
    sizes = [[one.tiles for one in found if one.layer == name] for name in LAYERS]
    budgets = range(sum(map(min, sizes)), sum(map(max, sizes)) + 1)
    return {budget: tuple(choose(found, budget).layers[name] for name in LAYERS) for budget in budgets}


def measure_mappings(
    keywords: Keywords, chips: int, choices: dict[int, Ways], shown: Callable[[list[Ways]], Iterable[Ways]] = list
) -> list[Point]:
    """Return all mappings, measured on chip instances.

    Args:
        keywords: the network.
        chips: chip instances of each mapping.
        choices: tiles that may be taken -> the solver's choice.
        shown: passes the mappings through, for people to see the progress.
    """
    points = []
    for ways in shown([tuple(map(str, encodings)) for encodings in product(Encoding, repeat=len(LAYERS))]):
        options = dict(zip(LAYERS, ways, strict=True))
        runs = [keywords.model.on(number=number, options=options) for number in range(chips)]
        figures = model_figures(runs[0].program)
        errors = tuple(error_rate(run, keywords) for run in runs)
        chosen = [f"least loss, {budget} tiles" for budget, way in choices.items() if way == ways]
        marks = ([PAPER] if set(ways) == {str(Encoding.AB)} else []) + chosen
        points.append(Point(", ".join(ways), options, figures.tiles, figures.energy_j, errors, tuple(marks)))
    return by_tiles(points)


def error_rate(model: ChipModel | torch.nn.Module, keywords: Keywords) -> float:
    """Return the share of wrong words."""
    with torch.no_grad():
        return float((model(keywords.features).argmax(1) != keywords.labels).float().mean())


def main() -> None:
    """Measure, print a Markdown table, write result.json and pareto.svg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of Speech Commands; synthetic speech without")
    parser.add_argument("--utterances", type=int, help="at most so many")
    parser.add_argument("--chips", type=int, default=10, help="chip instances of each mapping")
    parser.add_argument("--out", type=Path, default=Path("runs/kws-pareto"), help="folder for the result")
    options = parser.parse_args()
    keywords = load_keywords(options.data, options.utterances)
    found = candidates(keywords.model, [keywords.calibration], loss=decision_error, chips=options.chips)
    choices = choices_by_budget(found)
    points = measure_mappings(keywords, options.chips, choices, lambda ways: track(ways, "mappings", transient=True))
    result = _result(keywords, options, points, found)
    write_json(options.out / "result.json", result)
    chosen = [p.as_json(points) for p in points if on_front(p, points) or p.marks]
    software = result["software_error"]
    figure = pareto_figure(result["points"], "wrong words", "a word", software)
    write_text(options.out / "pareto.svg", figure)
    print(f"software: {software:.2%} wrong; {result['n_utterances']} words, {options.chips} chips for each mapping\n")
    print(pareto_table(chosen, "wrong words", "a word"))


def _result(
    keywords: Keywords, options: argparse.Namespace, points: Sequence[Point], found: Sequence[Candidate]
) -> dict[str, Any]:
    return {
        "n_utterances": len(keywords.labels),
        "data": "synthetic" if options.data is None else str(options.data),
        "chips": options.chips,
        "software_error": error_rate(keywords.network, keywords),
        "points": [point.as_json(points) for point in points],
        "losses_alone": [{"layer": one.layer, "way": one.way, "nats_per_word": one.loss} for one in found],
        "versions": versions(),
    }


if __name__ == "__main__":
    main()
