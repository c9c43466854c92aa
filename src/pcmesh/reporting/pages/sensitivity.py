"""The report of a sensitivity analysis, rendered only from its result.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pcmesh.reporting.drawings.figures import INK, colour, legend, new_figure, plain, svg
from pcmesh.reporting.pages.html import flatten, render


class Metric(NamedTuple):
    """What a share is called: at the head of a row, in a sentence about what is kept, on an axis."""

    name: str
    what: str
    axis: str


METRICS = {
    "accuracy": Metric("Accuracy", "accuracy", "accuracy, %"),
    "agreement": Metric("Same choice as in float32", "choices", "same choice as in float32, %"),
    "variance": Metric("Variance of outputs without error", "outputs' variance", "variance without error, %"),
}


def metric_of(result: Mapping[str, Any]) -> Metric:
    """Return what a result's measure is called."""
    name = result["metric"]
    return METRICS.get(name) or Metric(name[:1].upper() + name[1:], "accuracy", f"{name}, %")


def errors_counted(result: Mapping[str, Any]) -> bool:
    """Return whether less of the measure is better."""
    return bool(result.get("measure", {}).get("better") == "lower")


def unit_of(result: Mapping[str, Any]) -> str:
    """Return what the data are counted in."""
    return "samples" if "n_samples" in result else "utterances"


def samples_text(result: Mapping[str, Any]) -> str:
    """Return how much data there is, and of what kind."""
    if "n_samples" in result:
        return f"{result['n_samples']:,} samples of {result['data']['described']}"
    kind = "synthetic" if result["data"]["kind"] == "synthetic" else "recorded"
    return f"{result['n_utterances']:,} utterances of {kind} speech"


def render_sensitivity(result: Mapping[str, Any]) -> str:
    """Return the self-contained HTML report of a result of `pcmesh sensitivity`."""
    figures = {"curves": curves(result), "thresholds": thresholds(result)}
    if result.get("expansion"):
        figures["expansion"] = expansion(result["expansion"], result["baseline"], result["limit"])
    return render(
        "sensitivity.html.j2",
        result=result,
        data=samples_text(result),
        unit=unit_of(result),
        metric=metric_of(result),
        errors=errors_counted(result),
        figures=figures,
        choices={entry["layer"]: entry for entry in result["advice"]},
        settings=flatten({"seed": result["seed"], **result["configuration"], **(result.get("versions") or {})}),
    )


def curves(result: Mapping[str, Any]) -> str:
    """Return accuracy or word error rate against bits, a line per group (paper: Fig. 4c)."""
    errors = errors_counted(result)
    figure = new_figure(7.2, 4.0)
    axes = plain(figure.subplots(), "", "bits of the quantised weights", metric_of(result).axis)
    for index, curve in enumerate(result["curves"]):
        whole = curve["group"] == result["whole"]
        axes.plot(
            curve["bits"],
            [_percent(value, errors) for value in curve["accuracy"]],
            color=INK if whole else colour(index),
            linewidth=1.8 if whole else 1.0,
            marker="o",
            markersize=3,
            label=curve["group"],
        )
    axes.axhline(_percent(result["baseline"], errors), color=INK, linewidth=0.7, label="float32")
    axes.axhline(_percent(result["limit"], errors), color=INK, linewidth=0.7, linestyle=":", label="99 % of it")
    chips = result.get("effective_bits")
    if chips is not None and chips["mean"] is not None and np.isfinite(chips["mean"]):
        mean = sum(chips["accuracy_per_chip"]) / len(chips["accuracy_per_chip"])
        axes.plot([chips["mean"]], [_percent(mean, errors)], "*", color=colour(1), markersize=12, label="chips")
    best = _percent(result["baseline"], errors)
    axes.set_ylim((0, min(100, 6 * best + 10)) if errors else (max(0, best - 45), min(100, best + 3)))
    legend(axes)
    return svg(figure, "accuracy against bits")


def thresholds(result: Mapping[str, Any]) -> str:
    """Return the threshold of each group with its interval (paper: Fig. 4d)."""
    entries = result["curves"]
    figure = new_figure(7.2, 0.34 * len(entries) + 1.0)
    axes = plain(figure.subplots(), "", f"bits that keep 99 % of the {metric_of(result).what}", "")
    ends = (min(min(c["bits"]) for c in entries), max(max(c["bits"]) for c in entries))
    for row, curve in enumerate(entries):
        place = _inside(curve["threshold_bits"], curve["threshold_text"], ends)
        axes.plot([place], [row], "o", color=INK if curve["group"] == result["whole"] else colour(0))
        if curve["threshold_ci95"]:
            low, high = (_inside(v, t, ends) for v, t in zip(curve["threshold_ci95"], ("<", ">"), strict=True))
            axes.plot([low, high], [row, row], color=colour(0), linewidth=1.2)
    axes.set_yticks(range(len(entries)), [curve["group"] for curve in entries])
    axes.set_ylim(len(entries) - 0.5, -0.5)
    axes.set_xlim(ends[0] - 0.2, ends[1] + 0.2)
    return svg(figure, "thresholds")


def expansion(points: Sequence[Mapping[str, Any]], baseline: float, limit: float) -> str:
    """Return the word error rate of a coarse first layer against the rows that it is expanded to (paper: Fig. 5e)."""
    figure = new_figure(6.4, 3.2)
    axes = plain(figure.subplots(), "", "rows of Wx2", "word error rate, %")
    expanded = [(p["rows"], 100 * (1 - p["accuracy"])) for p in points if p["expanded"]]
    axes.plot(*zip(*expanded, strict=True), marker="o", color=colour(0), label="expanded")
    for point in points:
        if not point["expanded"]:
            label = f"not expanded ({point['rows']} rows)"
            axes.plot([point["rows"]], [100 * (1 - point["accuracy"])], "s", color=colour(1), label=label)
    axes.axhline(100 * (1 - baseline), color=INK, linewidth=0.7, label="float32")
    axes.axhline(100 * (1 - limit), color=INK, linewidth=0.7, linestyle=":", label="99 % of the accuracy")
    axes.set_ylim(bottom=0)
    legend(axes)
    return svg(figure, "weight expansion")


def _percent(accuracy: float, errors: bool) -> float:
    return 100 * (1 - accuracy) if errors else 100 * accuracy


def _inside(value: float | None, text: str, ends: tuple[float, float]) -> float:
    """Return a number of bits, or the end of the axis beyond which it lies (null in a file)."""
    if value is not None and np.isfinite(value):
        return value
    return ends[0] if text.startswith("<") else ends[1]
