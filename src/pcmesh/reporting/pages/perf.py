"""The report of time and energy, rendered only from the result of `pcmesh perf`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from pcmesh.reporting.drawings.figures import INK, colour, legend, new_figure, plain, svg
from pcmesh.reporting.pages.html import flatten, render


def render_perf(result: Mapping[str, Any]) -> str:
    """Return the self-contained HTML report of a result of `pcmesh perf`."""
    figures = {
        "power": power(result["per_chip"]),
        "activity": activity(result["per_chip"]),
        "phases": shares(result["energy"]["by_phase_j"], "energy by phase"),
        "costs": shares(result["energy"]["by_cost_j"], "energy by cost"),
    }
    if "comparison" in result:
        figures["comparison"] = comparison(result)
    return render(
        "perf.html.j2",
        result=result,
        figures=figures,
        settings=flatten({**result["options"], **result.get("versions", {})}),
    )


def power(chips: Sequence[Mapping[str, Any]]) -> str:
    """Return the power of each chip while it runs, by supply, and its operations per energy (paper: Fig. 6a)."""
    figure = new_figure(7.5, 3.2)
    left, right = figure.subplots(1, 2)
    plain(left, "Power while it runs", "chip", "W")
    below = [0.0] * len(chips)
    for index, supply in enumerate(dict.fromkeys(name for chip in chips for name in chip["by_supply_j"])):
        heights = [chip["by_supply_j"].get(supply, 0.0) / chip["busy_s"] for chip in chips]
        left.bar([str(chip["chip"]) for chip in chips], heights, bottom=below, color=colour(index), label=supply)
        below = [one + other for one, other in zip(below, heights, strict=True)]
    legend(left)
    plain(right, "Operations per energy", "chip", "TOPS/W")
    _bars(right, [str(chip["chip"]) for chip in chips], [chip["tops_per_w"] for chip in chips])
    return svg(figure, "power of each chip")


def activity(chips: Sequence[Mapping[str, Any]]) -> str:
    """Return the share of the time in which each chip runs."""
    figure = new_figure(3.7, 3.0)
    axes = plain(figure.subplots(), "", "chip", "% of the time")
    _bars(axes, [str(chip["chip"]) for chip in chips], [100 * chip["activity"] for chip in chips])
    axes.set_ylim(0, 110)
    return svg(figure, "activity of each chip")


def shares(joules: Mapping[str, float], name: str) -> str:
    """Return energies as horizontal bars, in percent of their sum; those below 0.05 % are left out."""
    total = sum(joules.values())
    rows = [(key, 100 * joule / total) for key, joule in joules.items() if joule > 5e-4 * total]
    figure = new_figure(5.0, 0.28 * len(rows) + 0.7)
    axes = plain(figure.subplots(), "", "% of the energy")
    axes.barh([key for key, _ in rows], [share for _, share in rows], color=colour(0))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    return svg(figure, name)


def comparison(result: Mapping[str, Any]) -> str:
    """Return samples per second and watt beside MLPerf's systems (paper: Fig. 6f)."""
    rows = [(entry["name"], entry["samples_per_s_per_w"]) for entry in result["comparison"]["systems"]]
    rows += [(f"these chips, {name}", v["samples_per_s_per_w"]) for name, v in result["variants"].items()]
    figure = new_figure(7.0, 0.3 * len(rows) + 0.8)
    axes = plain(figure.subplots(), "", "samples per second and watt")
    colours = [colour(1 if name.startswith("these") else 7) for name, _ in rows]
    axes.barh([name for name, _ in rows], [rate for _, rate in rows], color=colours)
    for position, (_, rate) in enumerate(rows):
        axes.text(rate, position, f" {rate:.2f}", va="center", fontsize=8, color=INK)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    return svg(figure, "comparison with MLPerf")


def _bars(axes: Axes, names: Sequence[str], heights: Sequence[float]) -> None:
    axes.bar(names, heights, color=colour(0))
    for position, height in enumerate(heights):
        axes.text(position, height, f"{height:.3g}", ha="center", va="bottom", fontsize=8, color=INK)
