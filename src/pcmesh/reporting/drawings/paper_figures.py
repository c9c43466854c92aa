"""Draws the figures of `pcmesh paper`, each from its part of result.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.placement import Placement
from pcmesh.reporting.drawings import kws_figures, rnnt_figures
from pcmesh.reporting.drawings.figures import INK, colour, legend, new_figure, plain, svg
from pcmesh.reporting.drawings.floorplan import floorplan
from pcmesh.reporting.drawings.interval_bars import interval_bars
from pcmesh.reporting.drawings.routes import routes
from pcmesh.reporting.drawings.timeline import timeline
from pcmesh.reporting.drawings.voltages import voltages
from pcmesh.reporting.pages.rnnt import marked
from pcmesh.reporting.pages.sensitivity import curves, thresholds
from pcmesh.routing import ChipSchedule

Data = Mapping[str, Any]


def draw(data: Data) -> list[str]:
    """Return the pictures (SVG) of one figure."""
    return _KINDS[data["kind"]](data)


def _lines(data: Data) -> list[str]:
    figure = new_figure(6.4, 3.4)
    axes = plain(figure.subplots(), "", data["x"], data["y"])
    for index, (name, (x, y, *ends)) in enumerate(data["curves"].items()):
        style: dict[str, Any] = {"color": colour(index), "label": name, "linewidth": 1.4}
        if data.get("step"):
            axes.step(x, y, where="post", **style)
        else:
            axes.plot(x, y, marker="o" if len(x) < 30 else None, markersize=4, **style)
        if ends:
            low, high = zip(*ends[0], strict=True)
            axes.fill_between(x, low, high, color=colour(index), alpha=0.15, linewidth=0)
    for style_of, (name, height) in zip(("-", ":"), (data.get("levels") or {}).items(), strict=False):
        axes.axhline(height, color=INK, linewidth=0.8, linestyle=style_of, label=name)
    if data.get("log"):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
    if data.get("log_y") and len({value for _, y, *_ in data["curves"].values() for value in y}) > 1:
        axes.set_yscale("log")
    if data.get("mark") is not None:
        axes.axvline(data["mark"], color=INK, linewidth=0.8, linestyle=":", label=f"{data['mark']:,}")
    legend(axes)
    return [svg(figure, data["y"])]


def _bars(data: Data) -> list[str]:
    names, groups = data["names"], data["groups"]
    wide = max(map(len, names)) > 12
    figure = new_figure(max(5.0, 0.55 * len(names) * len(groups) + 2), 3.4)
    axes = plain(figure.subplots(), "", "", data["y"])
    width = 0.8 / len(groups)
    for index, (name, values) in enumerate(groups.items()):
        places = np.arange(len(names)) + (index - (len(groups) - 1) / 2) * width
        drawn = axes.bar(places, [np.nan if v is None else v for v in values], width, color=colour(index), label=name)
        axes.bar_label(drawn, fmt="%.3g", fontsize=7, padding=1)
    if data.get("log"):
        axes.set_yscale("log")
    axes.set_xticks(range(len(names)), names, rotation=40 if wide else 0, ha="right" if wide else "center")
    legend(axes)
    return [svg(figure, data["y"])]


def _heat(data: Data) -> list[str]:
    figure = new_figure(6.4, 3.4)
    axes = plain(figure.subplots(), "", data["x"], data["y"])
    axes.grid(visible=False)
    values = np.asarray(data["values"], dtype=float)
    limit = float(np.abs(values).max()) or 1.0
    image = axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", origin="lower")
    figure.colorbar(image, ax=axes)
    return [svg(figure, data["y"])]


def _sensitivity(data: Data) -> list[str]:
    return [curves(data), thresholds(data)]


def _means(data: Data) -> list[str]:
    options = {"values": data["values"], "zoom": bool(data.get("zoom"))}
    return [interval_bars(data["y"], data["names"], data["means"], data["ci95"], data["levels"], **options)]


def _sentences(data: Data) -> list[str]:
    """Return a table, as HTML: what was said, and the words that differ from it in software and on the chips."""
    rows = Markup("").join(
        Markup("<tr><td>{reference}</td><td>{software}</td><td>{chip}</td></tr>").format(**marked(one))
        for one in data["utterances"]
    )
    head = Markup("<tr><th>Said</th><th>Software</th><th>Chips</th></tr>")
    caption = Markup("<caption>{} of {} sentences differ between software and chips</caption>")
    return [Markup("<table>{}{}{}</table>").format(caption.format(data["different"], data["of"]), head, rows)]


def _floorplan(data: Data) -> list[str]:
    chip, mapping, placement = _plan(data)
    return [floorplan(chip, mapping, placement, data["index"])]


def _routes(data: Data) -> list[str]:
    return [routes(*_plan(data), ChipSchedule.model_validate(data["schedule"]))]


def _timeline(data: Data) -> list[str]:
    chip, mapping, _ = _plan(data)
    return [timeline(chip, mapping, ChipSchedule.model_validate(data["schedule"]))]


def _plan(data: Data) -> tuple[ChipSpec, TileMapping, Placement]:
    return (
        ChipSpec.model_validate(data["chip"]),
        TileMapping.model_validate(data["mapping"]),
        Placement.model_validate(data["placement"]),
    )


_KINDS: Mapping[str, Callable[[Data], list[str]]] = {
    "lines": _lines,
    "bars": _bars,
    "heat": _heat,
    "scatter": lambda data: [kws_figures.scatter(data["layers"])],
    "error_maps": lambda data: [kws_figures.error_maps(data["programming"])],
    "error_cdf": lambda data: [kws_figures.error_cdf(data["programming"])],
    "sensitivity": _sensitivity,
    "means": _means,
    "several": lambda data: [picture for part in data["parts"] for picture in draw(part)],
    "voltages": lambda data: [voltages(data)],
    "error_histograms": lambda data: [rnnt_figures.error_histograms(data["layers"])],
    "spreads": lambda data: [rnnt_figures.spreads(data["programming"])],
    "sentences": _sentences,
    "floorplan": _floorplan,
    "routes": _routes,
    "timeline": _timeline,
}
