"""Mappings of a network by tiles, energy and errors, all measured: which of them no other beats in everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from pcmesh.analysis.accuracy import interval_95
from pcmesh.analysis.evaluate import Compared
from pcmesh.analysis.mapping_choice.candidates import Candidate, candidates
from pcmesh.analysis.mapping_choice.choose import choose
from pcmesh.analysis.mapping_choice.losses import Loss, output_error
from pcmesh.analysis.ready import instance, ready
from pcmesh.analysis.task import Task
from pcmesh.checks import Count, checked
from pcmesh.deployed.figures.footprint import model_figures
from pcmesh.deployed.model import ChipModel
from pcmesh.mapping import Encoding
from pcmesh.progress import Progress, quiet

_BUDGETS = 4
"""Between the fewest tiles and the most that help, so many steps."""


@dataclass(frozen=True)
class Point:
    """One mapping, measured on chip instances.

    Attributes:
        name: for people.
        ways: layer -> how it is mapped.
        tiles: taken.
        energy_j: of one sample.
        errors: share of errors, one for each chip instance.
        marks: where the mapping comes from: the paper, or the solver's choice for what.
    """

    name: str
    ways: dict[str, str]
    tiles: int
    energy_j: float
    errors: tuple[float, ...]
    marks: tuple[str, ...] = ()

    @property
    def error(self) -> float:
        """Mean over the chips."""
        return sum(self.errors) / len(self.errors)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean over the chips."""
        return interval_95(self.errors)

    def as_json(self, points: Sequence[Point]) -> dict[str, Any]:
        """Return plain data."""
        own = {"error": {"mean": self.error, "ci95": list(self.interval), "per_chip": list(self.errors)}}
        return {**asdict(self), **own, "front": on_front(self, points)}


def on_front(point: Point, points: Sequence[Point]) -> bool:
    """Return whether no other point is at least as good in tiles, energy and error and better in one."""
    mine = (point.tiles, point.energy_j, point.error)
    others = [(p.tiles, p.energy_j, p.error) for p in points if p is not point]
    return not any(all(o <= m for o, m in zip(other, mine, strict=True)) and other != mine for other in others)


def by_tiles(points: Sequence[Point]) -> list[Point]:
    """Return points in the order of their tiles, then their energy."""
    return sorted(points, key=lambda point: (point.tiles, point.energy_j))


@checked
def front(
    model: ChipModel | nn.Module,
    task: Task | Iterable[Any],
    *,
    chips: Count = 3,
    judge: Loss = output_error,
    report: Progress = quiet,
) -> tuple[Point, ...]:
    """Measure mappings of a network: its own, every encoding throughout, and the solver's choice on so many tiles.

    Args:
        model: the network, compiled in any way; another module is compiled first.
        task: what it is judged by; or batches as `evaluate` takes them.
        chips: chip instances of each mapping.
        judge: what a layer alone loses, by which the solver chooses.
        report: is told the progress.

    Returns:
        All of them, fewest tiles first; `on_front` says which no other beats.
    """
    judged = Task.of(task)
    model = ready(model, judged)
    compared = Compared.of(model, judged)
    found = candidates(model, judged, loss=judge, more_rows=False, report=report)
    listed = list(_mappings(model, found))
    points = []
    for done, (name, ways, marks) in enumerate(listed):
        report("mappings", done, len(listed))
        on_chips = [instance(model, number, options=ways) for number in range(chips)]
        figures = model_figures(on_chips[0].program)
        errors = tuple(1 - compared.judge.of_chip(chip).accuracy for chip in on_chips)
        points.append(Point(name, ways, figures.tiles, figures.energy_j, errors, marks))
    report("mappings", len(listed), len(listed))
    return tuple(by_tiles(points))


def _mappings(model: ChipModel, found: Sequence[Candidate]) -> Iterator[tuple[str, dict[str, str], tuple[str, ...]]]:
    """Yield mappings, each once: name, way of every layer, where it comes from."""
    own = model.program.choice.options
    layers = list(dict.fromkeys(one.layer for one in found))
    tiles = [[one.tiles for one in found if one.layer == layer] for layer in layers]
    fewest, most = sum(map(min, tiles)), sum(map(max, tiles))
    budgets = sorted({fewest + (most - fewest) * step // _BUDGETS for step in range(_BUDGETS + 1)})
    listed = [("as compiled", {layer: own[layer].way for layer in layers}, "as compiled")]
    listed += [(f"everything {encoding}", dict.fromkeys(layers, str(encoding)), "") for encoding in Encoding]
    listed += [("solver", choose(found, budget).layers, f"least loss, {budget} tiles") for budget in budgets]
    merged: dict[tuple[str, ...], tuple[str, dict[str, str], tuple[str, ...]]] = {}
    for name, ways, mark in listed:
        before = merged.get(tuple(ways.values()), (name, ways, ()))
        merged[tuple(ways.values())] = (before[0], before[1], (*before[2], *((mark,) if mark else ())))
    yield from merged.values()
