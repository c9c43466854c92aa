"""Which weights of a network must be exact: accuracy against the bits of all, or of a part, of its weights.

Source: Ambrogio et al., Nature 620, 768 (2023), "RNNT mapping on chip", Fig. 4b-d: weights are quantised instead of
made noisy, so that one evaluation says what many random draws would; what is not quantised stays in float32.
"""

from __future__ import annotations

import math
import multiprocessing
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from pcmesh.analysis.scores import Scores, as_scores, resampled
from pcmesh.analysis.sensitivity.quantisation import WeightPart, weight_count
from pcmesh.analysis.sensitivity.thresholds import bits_of
from pcmesh.errors import InputError
from pcmesh.files.cache import ResultCache
from pcmesh.progress import Progress

BITS = tuple(step / 4 for step in range(6, 33))
"""1.5 to 8 bits in steps of a quarter."""

KEPT = 0.99
_DRAWS = 1000
_BASELINE = "float32"

Groups = Mapping[str, Sequence[WeightPart]]
Evaluate = Callable[[Any], Scores | float]


@dataclass(frozen=True)
class Curve:
    """Accuracy of a network with one group of weights quantised.

    Attributes:
        group: the group's name.
        weights: how many weights it has.
        bits: ascending.
        scores: at these.
        threshold: fewest bits that keep the share of the accuracy asked for; ±inf: beyond the bits tried.
        drawn: thresholds over utterances drawn anew, the same draws for all groups; none where scores are not by
            utterance.
    """

    group: str
    weights: int
    bits: tuple[float, ...]
    scores: tuple[Scores, ...]
    threshold: float
    drawn: tuple[float, ...]

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the threshold over utterances drawn anew."""
        if not self.drawn:
            return None
        low, high = np.quantile(self.drawn, [0.025, 0.975], method="nearest")
        return float(low), float(high)

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Accuracy at each number of bits."""
        return tuple(scores.accuracy for scores in self.scores)

    def as_json(self) -> dict[str, Any]:
        """Return plain data; docs/sensitivity.md describes its keys."""
        return {
            "group": self.group,
            "weights": self.weights,
            "bits": list(self.bits),
            "accuracy": list(self.accuracies),
            "threshold_bits": self.threshold,
            "threshold_ci95": self.interval,
            "threshold_text": threshold_text(self.threshold, self.bits),
        }


@dataclass(frozen=True)
class Sensitivity:
    """The curves of all groups, in the order given.

    Attributes:
        baseline: scores in float32.
        kept: share of the accuracy that counts as kept.
        curves: one per group.
    """

    baseline: Scores
    kept: float
    curves: tuple[Curve, ...]

    @property
    def limit(self) -> float:
        """Lowest accuracy that counts as kept."""
        return self.kept * self.baseline.accuracy

    def curve(self, group: str) -> Curve:
        """Return the curve of a group."""
        return next(curve for curve in self.curves if curve.group == group)


def sensitivity(
    model: nn.Module,
    groups: Groups,
    evaluate: Evaluate,
    bits: Sequence[float] = BITS,
    *,
    kept: float = KEPT,
    enough: float = 0.5,
    cache: ResultCache | None = None,
    workers: int = 1,
    report: Progress | None = None,
) -> Sensitivity:
    """Quantise each group of weights more and more and see what accuracy is left.

    Args:
        model: in evaluation mode; it is not changed.
        groups: name -> matrices that are quantised together.
        evaluate: model -> accuracy, or scores by utterance (then thresholds get intervals). With several workers it
            must survive pickling.
        bits: numbers of bits to try.
        kept: share of the accuracy whose threshold is looked for.
        enough: a curve ends where less than this share of the accuracy is left.
        cache: of this model and data; points in it are not computed again.
        workers: processes; the result is the same for any number.
        report: is told the stage, the points done and how many there are at most.

    Raises:
        InputError: a group names a parameter that the model lacks, or bits that are not positive.
    """
    _check(model, groups, bits)
    order = tuple(sorted(set(bits)))
    run = _Run(
        ResultCache(None, {}) if cache is None else cache, enough, {name: list(order) for name in groups}, report
    )
    with _executor(workers, _Worker(model, groups, evaluate)) as executor:
        run.drain(executor)
    baseline = run.scores(_BASELINE, 0.0)
    assert baseline is not None
    found = []
    for name, parts in groups.items():
        points = [(n, scores) for n in order if (scores := run.scores(name, n)) is not None]
        found.append(_curve(name, weight_count(model, parts), points, baseline, kept))
    return Sensitivity(baseline, kept, tuple(found))


def most_sensitive(layers: Sequence[Curve], count: int = 2) -> tuple[list[str], float | None]:
    """Return the layers that need most bits, and in which share of the draws they come first in this order.

    Args:
        layers: their curves.
        count: how many.
    """
    first = [curve.group for curve in sorted(layers, key=lambda curve: -curve.threshold)[:count]]
    if not all(curve.drawn for curve in layers):
        return first, None
    drawn = np.array([curve.drawn for curve in layers])
    order = np.argsort(-drawn, axis=0, kind="stable")[:count]
    wanted = [[curve.group for curve in layers].index(group) for group in first]
    return first, float((order == np.array(wanted)[:, None]).all(0).mean())


def threshold_text(threshold: float, bits: Sequence[float]) -> str:
    """Return a threshold with one decimal, or which end of the bits tried it lies beyond."""
    if math.isinf(threshold):
        return f"> {bits[-1]:g}" if threshold > 0 else f"< {bits[0]:g}"
    return f"{threshold:.1f}"


def _check(model: nn.Module, groups: Groups, bits: Sequence[float]) -> None:
    parameters = dict(model.named_parameters())
    for name, parts in groups.items():
        missing = [part.parameter for part in parts if part.parameter not in parameters]
        if missing:
            raise InputError(
                f"{name}: the network has no parameter {missing[0]!r}", f"Its are: {', '.join(parameters)}"
            )
    if not bits or min(bits) <= 0:
        raise InputError(f"{list(bits)} bits", "Give one or more positive numbers")


def _curve(name: str, weights: int, points: list[tuple[float, Scores]], baseline: Scores, kept: float) -> Curve:
    bits = tuple(number for number, _ in points)
    scores = tuple(score for _, score in points)
    threshold = bits_of(bits, [score.accuracy for score in scores], kept * baseline.accuracy)
    drawn: tuple[float, ...] = ()
    if len(baseline.right) > 1:
        rows = resampled([baseline, *scores], _DRAWS)
        drawn = tuple(bits_of(bits, row[1:].tolist(), kept * row[0]) for row in rows)
    return Curve(name, weights, bits, scores, threshold, drawn)


class _Worker:
    """Evaluates a copy of a network of its own with some of its weights quantised."""

    def __init__(self, model: nn.Module, groups: Groups, evaluate: Evaluate) -> None:
        self.model = deepcopy(model)
        self.groups = groups
        self.evaluate = evaluate

    @torch.no_grad()
    def score(self, group: str, bits: float) -> Scores:
        if group == _BASELINE:
            return as_scores(self.evaluate(self.model))
        parameters = dict(self.model.named_parameters())
        kept = {part.parameter: parameters[part.parameter].clone() for part in self.groups[group]}
        try:
            for part in self.groups[group]:
                weight = parameters[part.parameter]
                part.view(weight).copy_(part.quantised(kept[part.parameter], bits))
            return as_scores(self.evaluate(self.model))
        finally:
            for name, before in kept.items():
                parameters[name].copy_(before)


_local = threading.local()


def _start(worker: _Worker, own_process: bool) -> None:
    if own_process:
        torch.set_num_threads(1)
    _local.worker = worker


def _score(group: str, bits: float) -> Scores:
    found: Scores = _local.worker.score(group, bits)
    return found


def _executor(workers: int, worker: _Worker) -> Executor:
    if workers == 1:
        return ThreadPoolExecutor(1, initializer=_start, initargs=(worker, False))
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(worker, True))


class _Run:
    """Points still to compute: of each group those with most bits first, until too little accuracy is left."""

    def __init__(
        self, cache: ResultCache, enough: float, left: dict[str, list[float]], report: Progress | None
    ) -> None:
        self._cache = cache
        self._enough = enough
        self._left = left
        self._report = report
        self._total = 1 + sum(map(len, left.values()))

    def scores(self, group: str, bits: float) -> Scores | None:
        kept = self._cache.get(f"{group} {bits:g}")
        return None if kept is None else Scores(tuple(kept["right"]), tuple(kept["possible"]))

    def drain(self, executor: Executor) -> None:
        """Compute what is not kept yet; one group's points follow each other, groups run side by side."""
        pending: dict[Future[Scores], tuple[str, float]] = {}
        if self.scores(_BASELINE, 0.0) is None:
            self._keep(_BASELINE, 0.0, executor.submit(_score, _BASELINE, 0.0).result())
        for group in self._left:
            self._submit(executor, pending, group)
        while pending:
            self._tell()
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                group, bits = pending.pop(future)
                self._keep(group, bits, future.result())
                self._submit(executor, pending, group)
        self._tell()

    def _submit(self, executor: Executor, pending: dict[Future[Scores], tuple[str, float]], group: str) -> None:
        baseline = self.scores(_BASELINE, 0.0)
        assert baseline is not None
        while self._left[group]:
            bits = self._left[group].pop()
            known = self.scores(group, bits)
            if known is None:
                pending[executor.submit(_score, group, bits)] = (group, bits)
                return
            if known.accuracy < self._enough * baseline.accuracy:
                self._left[group].clear()

    def _keep(self, group: str, bits: float, scores: Scores) -> None:
        self._cache.put(f"{group} {bits:g}", {"right": list(scores.right), "possible": list(scores.possible)})
        baseline = self.scores(_BASELINE, 0.0)
        if baseline is not None and scores.accuracy < self._enough * baseline.accuracy:
            self._left.get(group, []).clear()

    def _tell(self) -> None:
        if self._report is not None:
            left = sum(map(len, self._left.values()))
            self._report("weights of few bits", self._total - left, self._total)
