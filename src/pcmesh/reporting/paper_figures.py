"""Draws the figures of `pcmesh paper`, each from its part of result.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pcmesh.chip import ChipSpec
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.placement import Placement
from pcmesh.reporting import kws_figures
from pcmesh.reporting.figures import INK, colour, legend, new_figure, plain, svg
from pcmesh.reporting.floorplan import floorplan
from pcmesh.reporting.routes import routes
from pcmesh.reporting.sensitivity import curves, thresholds
from pcmesh.reporting.timeline import timeline
from pcmesh.routing import ChipSchedule

Data = Mapping[str, Any]


def draw(data: Data) -> list[str]:
    """Return the pictures (SVG) of one figure."""
    return _KINDS[data["kind"]](data)


def _lines(data: Data) -> list[str]:
    figure = new_figure(6.4, 3.4)
    axes = plain(figure.subplots(), "", data["x"], data["y"])
    for index, (name, (x, y)) in enumerate(data["curves"].items()):
        style: dict[str, Any] = {"color": colour(index), "label": name, "linewidth": 1.4}
        if data.get("step"):
            axes.step(x, y, where="post", **style)
        else:
            axes.plot(x, y, marker="o" if len(x) < 30 else None, markersize=4, **style)
    if data.get("log"):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
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
    "floorplan": _floorplan,
    "routes": _routes,
    "timeline": _timeline,
}
