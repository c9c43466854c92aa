"""Tiles, energy and accuracy of the keyword network in every mapping, with the paper's mapping among them.

    python -m pcmesh.workloads.kws.pareto --data FOLDER

All 27 mappings of three layers in three encodings are programmed and measured; the front's points lose least at their
tiles or energy. The solver's choice under each budget of tiles is marked, so that one sees how good its guide is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from pcmesh.chip_model import ChipModel, compile_model
from pcmesh.chip_model.candidates import candidates
from pcmesh.chip_model.choose import choose
from pcmesh.chip_model.figures import model_figures
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.workloads.kws.prepare import KwsOptions, prepare

PAPER = (Encoding.AB, Encoding.AB, Encoding.AB)
LAYERS = ("layer0", "layer1", "layer2")
_CALIBRATION_FRAMES = 512


@dataclass(frozen=True)
class Point:
    """One mapping, measured.

    Attributes:
        ways: encodings of the three layers.
        tiles, energy_j, accuracy: what it takes and gives, mean over the chips.
        chosen_for: budgets of tiles under which the solver chose it.
    """

    ways: tuple[Encoding, ...]
    tiles: int
    energy_j: float
    accuracy: float
    chosen_for: tuple[int, ...] = ()


def measure_all(data: Path | None, utterances: int | None, chips: int) -> tuple[float, list[Point]]:
    """Return the software's accuracy and all mappings' points."""
    ready = prepare(KwsOptions(data=data, utterances=utterances), lambda *_: None)
    network = torch.nn.Sequential()
    for name in LAYERS:
        network.add_module(name, getattr(ready.network, name))
        if name != LAYERS[-1]:
            network.append(torch.nn.ReLU())
    labels, inputs = ready.speech.labels, ready.inputs
    model = compile_model(network, ready.calibration[:_CALIBRATION_FRAMES], name="keywords")
    found = candidates(model, [ready.calibration[:_CALIBRATION_FRAMES]])
    budgets = range(3, 1 + sum(max(c.tiles for c in found if c.layer == name) for name in LAYERS))
    choices = {budget: tuple(Encoding(way) for way in choose(found, budget).layers.values()) for budget in budgets}
    points = []
    for ways in product(Encoding, repeat=len(LAYERS)):
        options = {name: LayerOptions(encoding=way) for name, way in zip(LAYERS, ways, strict=True)}
        runs = [model.on(number=number, options=options) for number in range(chips)]
        figures = model_figures(runs[0].deployment)
        right = sum(_accuracy(run, inputs, labels) for run in runs) / chips
        used = tuple(budget for budget, way in choices.items() if way == ways)
        points.append(Point(ways, figures.tiles, figures.energy_j, right, used))
    return _accuracy(network, inputs, labels), points


def on_front(point: Point, points: Sequence[Point]) -> bool:
    """Return whether no other point is at least as good in tiles, energy and accuracy and better in one."""
    mine = (-point.tiles, -point.energy_j, point.accuracy)
    others = [(-p.tiles, -p.energy_j, p.accuracy) for p in points if p is not point]
    return not any(all(o >= m for o, m in zip(other, mine, strict=True)) and other != mine for other in others)


def _accuracy(model: ChipModel | torch.nn.Module, inputs: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((model(inputs).argmax(1) == labels).float().mean())


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of Speech Commands; synthetic speech without")
    parser.add_argument("--utterances", type=int, help="at most so many")
    parser.add_argument("--chips", type=int, default=3, help="chip instances of each mapping")
    options = parser.parse_args()
    software, points = measure_all(options.data, options.utterances, options.chips)
    print(f"software: {software:.2%}; {options.chips} chips for each mapping\n")
    print("| layer 0, 1, 2 | tiles | energy a word | accuracy on chip | front | solver's choice for |")
    print("|---|---|---|---|---|---|")
    for point in sorted(points, key=lambda p: (p.tiles, p.energy_j)):
        if not (on_front(point, points) or point.chosen_for or point.ways == PAPER):
            continue
        name = ", ".join(map(str, point.ways)) + (" (the paper's)" if point.ways == PAPER else "")
        budgets = ", ".join(map(str, point.chosen_for)) + (" tiles" if point.chosen_for else "")
        front = "yes" if on_front(point, points) else ""
        print(
            f"| {name} | {point.tiles} | {point.energy_j * 1e9:.0f} nJ | {point.accuracy:.2%} | {front} | {budgets} |"
        )


if __name__ == "__main__":
    main()
