"""The figures of a keyword-spotting result, each from a part of result.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from pcmesh.durations import format_duration
from pcmesh.reporting.drawings.figures import INK, colour, legend, new_figure, plain, svg, thin

Matrix = Sequence[Sequence[float]]

_MAPS_PER_ROW = 4
_HISTOGRAM_BINS = 80
_MOST_TICKS = 6
_ERROR_SHOWN = 20
"""Programming errors are drawn up to this many percent: the limit of the analog yield; few lie beyond."""
_ZERO_BEFORE = 7.0
"""How many times left of the first age the age zero is drawn, for want of a place on a logarithmic axis."""


def confusion(classes: Sequence[str], matrices: Mapping[str, Matrix]) -> str:
    """Return confusion matrices side by side: rows are the words said, columns the words recognised, in percent."""
    figure = new_figure(5.2 * len(matrices), 5.2)
    axes = figure.subplots(1, len(matrices), squeeze=False)[0]
    for place, (title, counts) in zip(axes, matrices.items(), strict=True):
        _confusion(place, title, classes, np.asarray(counts, dtype=float))
    return svg(figure, "confusion matrices")


def _confusion(axes: Axes, title: str, classes: Sequence[str], counts: np.ndarray[Any, Any]) -> None:
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xticks(range(len(classes)), classes, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("recognised")
    axes.set_ylabel("said")
    for (row, column), value in np.ndenumerate(share):
        if value >= 0.5:
            ink = "white" if value > 55 else INK
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color=ink)


def scatter(layers: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return, per layer, how often the chip gave which activation where software gives which (paper: Fig. 3f)."""
    figure = new_figure(3.4 * len(layers), 3.4)
    axes = figure.subplots(1, len(layers), squeeze=False)[0]
    for place, (name, points) in zip(axes, layers.items(), strict=True):
        software, chip = (np.asarray(points[key], dtype=float) for key in ("software", "chip"))
        low, high = _limits(software, chip)
        counts, _, _ = np.histogram2d(chip, software, bins=_HISTOGRAM_BINS, range=[[low, high], [low, high]])
        shown = np.ma.masked_equal(counts, 0)
        place.imshow(
            shown,
            origin="lower",
            interpolation="nearest",
            extent=(low, high, low, high),
            cmap="viridis_r",
            norm=LogNorm(vmin=0.7),
        )
        place.plot([low, high], [low, high], color=colour(1), linewidth=0.8)
        plain(place, name, "software", "chip")
        place.set_aspect("equal")
    return svg(figure, "chip against software")


def _limits(*values: np.ndarray[Any, Any]) -> tuple[float, float]:
    every = np.concatenate(values)
    low, high = float(every.min(initial=0)), float(every.max(initial=0))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def error_maps(programming: Sequence[Mapping[str, Any]]) -> str:
    """Return one map per tile and device pair of the signed programming error (paper: Extended Data Fig. 4c, d)."""
    rows = -(-len(programming) // _MAPS_PER_ROW)
    figure = new_figure(10, 2.5 * rows + 0.4)
    places = figure.subplots(rows, _MAPS_PER_ROW, squeeze=False).ravel()
    maps = [100 * np.asarray(entry["error_map"], dtype=float) for entry in programming]
    limit = max((float(np.nanquantile(np.abs(values), 0.99)) for values in maps), default=0) or 1.0
    image = None
    for place, entry, values in zip(places, programming, maps, strict=False):
        image = place.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        place.set_title(f"tile {entry['tile']}, WP{entry['pair']} ({entry['layer']})", fontsize=8, loc="left")
        place.set_xticks([])
        place.set_yticks([])
    for place in places[len(programming) :]:
        place.set_axis_off()
    if image is not None:
        figure.colorbar(image, ax=list(places), label="mean error of a block,\n% of the largest weight", shrink=0.8)
    return svg(figure, "programming error maps")


def error_cdf(programming: Sequence[Mapping[str, Any]]) -> str:
    """Return the distribution of the programming error, a curve per tile and device pair."""
    figure = new_figure(6.4, 3.4)
    axes = plain(
        figure.subplots(), "", "programming error, % of the largest weight", "share of weights with a smaller error"
    )
    layers = list(dict.fromkeys(entry["layer"] for entry in programming))
    named: set[str] = set()
    for entry in programming:
        layer = entry["layer"]
        axes.plot(
            [100 * value for value in entry["cdf"]["error"]],
            entry["cdf"]["share"],
            color=colour(layers.index(layer)),
            linestyle="-" if entry["pair"] == 1 else "--",
            linewidth=1.2,
            label=None if layer in named else f"{layer} (WP2 dashed)",
        )
        named.add(layer)
    for edge in (0.01, 0.99):
        axes.axhline(edge, color=INK, linewidth=0.5, linestyle=":")
    axes.set_xlim(-_ERROR_SHOWN, _ERROR_SHOWN)
    legend(axes)
    return svg(figure, "distribution of the programming error")


def drift(points: Sequence[Mapping[str, float]], software: float, iso_limit: float) -> str:
    """Return accuracy over the time since programming, without and with a new calibration of the bias rows."""
    figure = new_figure(6.4, 3.4)
    axes = plain(figure.subplots(), "", "time since programming and calibration", "accuracy, %")
    times = sorted(point["time_s"] for point in points)
    positive = [time for time in times if time > 0]
    start = min(positive, default=1.0) / _ZERO_BEFORE if times[0] <= 0 else times[0]
    curves = (("accuracy_recalibrated", "bias rows calibrated anew"), ("accuracy", "as calibrated at first"))
    for index, (key, label) in enumerate(curves):
        known = [(max(p["time_s"], start), 100 * p[key]) for p in points if p.get(key) is not None]
        if known:
            axes.plot(*zip(*known, strict=True), marker="o", markersize=4, color=colour(index), label=label)
    axes.axhline(100 * software, color=INK, linewidth=0.8, label="software")
    axes.axhline(100 * iso_limit, color=INK, linewidth=0.8, linestyle=":", label="99 % of software")
    axes.set_xscale("log")
    ticks = {time: format_duration(time) for time in thin(positive, _MOST_TICKS)}
    if times[0] <= 0:
        ticks[start] = "0"
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    legend(axes)
    return svg(figure, "accuracy over the time since programming")
