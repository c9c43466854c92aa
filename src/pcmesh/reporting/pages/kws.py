"""The report of a keyword-spotting run, rendered only from its result.json."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pcmesh.reporting.drawings import kws_figures
from pcmesh.reporting.pages.html import flatten, render

SYNTHETIC = "synthetic speech"
RECORDED = "recorded speech"


def render_kws(result: Mapping[str, Any], pictures: Mapping[str, str] | None = None) -> str:
    """Return the self-contained HTML report of a result of `pcmesh kws`.

    Args:
        result: the content of result.json; figures that it lacks are left out.
        pictures: title -> inline SVG of the compiled network, shown behind the results.
    """
    chip = result["chip_accuracy"]
    return render(
        "kws.html.j2",
        result=result,
        speech=SYNTHETIC if result["data"]["kind"] == "synthetic" else RECORDED,
        within=chip["mean"] >= result["iso_limit"],
        steps_text=steps_text(result),
        steps=result.get("figures", {}).get("schedule") or [],
        figures=_figures(result),
        pictures=pictures or {},
        settings=flatten({"seed": result["seed"], **result.get("configuration", {}), **result.get("versions", {})}),
    )


def steps_text(result: Mapping[str, Any]) -> str:
    """Return how many time steps a frame has and how long they are: `8 steps of 300 ns`."""
    count = result["frame_steps"]
    begins = [step["begin_ns"] for step in (result.get("figures") or {}).get("schedule") or ()][:count]
    lengths = sorted({after - before for before, after in pairwise([*begins, result["frame_interval_ns"]])})
    if not begins:
        return f"{count} steps"
    return f"{count} steps of {' or '.join(f'{length:g}' for length in lengths)} ns"


def _figures(result: Mapping[str, Any]) -> dict[str, str]:
    data = result.get("figures") or {}
    made: dict[str, str] = {}
    matrices = {
        title: data[key]
        for title, key in (("Software", "confusion_software"), ("Chip", "confusion_chip"))
        if data.get(key)
    }
    if matrices and data.get("class_names"):
        made["confusion"] = kws_figures.confusion(data["class_names"], matrices)
    if data.get("scatter"):
        made["scatter"] = kws_figures.scatter(data["scatter"])
    if data.get("programming"):
        made["error_maps"] = kws_figures.error_maps(data["programming"])
        made["error_cdf"] = kws_figures.error_cdf(data["programming"])
    if len(data.get("drift") or ()) > 1:
        made["drift"] = kws_figures.drift(data["drift"], result["software_accuracy"], result["iso_limit"])
    return made
