"""The figures of the RNN-T on chips, each from a part of result.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pcmesh.analysis.accuracy import ISO_ACCURACY
from pcmesh.reporting.drawings.figures import INK, colour, legend, new_figure, plain, svg
from pcmesh.reporting.drawings.interval_bars import interval_bars

_PER_ROW = 4
_SIGMAS = 4.0


def rates(conditions: Sequence[Mapping[str, Any]], software: float) -> str:
    """Return the word error rate of each condition, with the chips' 95 % interval (paper: Fig. 5a, b)."""
    limit = 1 - ISO_ACCURACY * (1 - software)
    return interval_bars(
        "word error rate, %",
        [_name(one["layers"], conditions) for one in conditions],
        [100 * one["wer"]["mean"] for one in conditions],
        [[100 * value for value in one["wer"]["ci95"]] for one in conditions],
        {"software": 100 * software, "99 % of software's accuracy": 100 * limit},
        [[100 * value for value in one["wer"]["per_chip"]] for one in conditions],
        "word error rates",
    )


def _name(layers: Sequence[str], conditions: Sequence[Mapping[str, Any]]) -> str:
    if len(layers) == 1:
        return layers[0]
    cumulative = len(conditions) > 1
    return f"+ {layers[-1]}" if cumulative else f"{len(layers)} layers"


def error_histograms(layers: Sequence[Mapping[str, Any]]) -> str:
    """Return each layer's distribution of product errors, in its standard deviations (paper: Extended Data Fig. 8)."""
    rows = -(-len(layers) // _PER_ROW)
    figure = new_figure(10, 2.1 * rows + 0.3)
    places = figure.subplots(rows, _PER_ROW, squeeze=False).ravel()
    for place, layer in zip(places, layers, strict=False):
        histogram = np.asarray(layer["error_histogram"], dtype=float)
        at = np.linspace(-_SIGMAS, _SIGMAS, len(histogram))
        width = at[1] - at[0]
        plain(place, f"{layer['name']}: σ = {layer['mac_sigma']:.3g}", "error / σ", "")
        place.fill_between(at, histogram / width, step="mid", color=colour(0), alpha=0.6)
        place.plot(at, np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi), color=INK, linewidth=0.8)
        place.set_yticks([])
    for place in places[len(layers) :]:
        place.set_axis_off()
    return svg(figure, "errors of the products")


def spreads(programming: Sequence[Mapping[str, Any]]) -> str:
    """Return spread of the programming error and analog yield of each tile's pairs, by chip (Extended Data Fig. 4e)."""
    figure = new_figure(9, 3.2)
    left, right = figure.subplots(1, 2)
    for place, key, label in (
        (left, "spread_1_99", "spread 1 % to 99 %, % of the largest weight"),
        (right, "analog_yield", "analog yield, %"),
    ):
        plain(place, "", "chip", label)
        for pair in (1, 2):
            points = [
                (one["chip"] + 0.12 * (2 * pair - 3), 100 * one[key]) for one in programming if one["pair"] == pair
            ]
            if points:
                place.plot(*zip(*points, strict=True), "o", markersize=3, color=colour(pair - 1), label=f"WP{pair}")
        place.set_xticks(sorted({one["chip"] for one in programming}))
    legend(right)
    return svg(figure, "spread of the programming error")
