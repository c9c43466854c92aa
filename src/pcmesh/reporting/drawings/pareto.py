"""Mappings by tiles, energy and errors: the table and the picture, from a result's points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pcmesh.reporting.drawings.figures import INK, colour, new_figure, plain, svg

PAPER = "the paper's"
_SPREAD = 0.6
_FRONT, _OTHER, _PAPER = colour(0), colour(7), colour(1)


def pareto_table(points: Sequence[Mapping[str, Any]], error: str, sample: str) -> str:
    """Return a Markdown table.

    Args:
        points: of a result: `name`, `tiles`, `energy_j`, `error`, `front`, `marks`.
        error: what an error is, for people.
        sample: what the energy is of.
    """
    rows = [
        f"| mapping | tiles | energy {sample} | {error} | 95 % interval | front | chosen for |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for point in points:
        mean, (low, high) = point["error"]["mean"], point["error"]["ci95"]
        marks = "; ".join(mark for mark in point["marks"] if mark != PAPER)
        front = "yes" if point["front"] else ""
        rows.append(
            f"| {point['name']} | {point['tiles']} | {_energy(point['energy_j'])} | {100 * mean:.2f} % "
            f"| {100 * low:.2f} to {100 * high:.2f} | {front} | {marks} |"
        )
    return "\n".join(rows)


def pareto_figure(points: Sequence[Mapping[str, Any]], error: str, sample: str, software: float) -> str:
    """Return errors against tiles and against energy as SVG; arguments as `pareto_table`, and software's error."""
    figure = new_figure(9.0, 4.0)
    left, right = figure.subplots(1, 2, sharey=True)
    scale = 1e6 if max(point["energy_j"] for point in points) >= 1e-6 else 1e9
    unit = "uJ" if scale == 1e6 else "nJ"
    _panel(left, points, _beside([point["tiles"] for point in points]), software)
    _panel(right, points, [point["energy_j"] * scale for point in points], software)
    plain(left, x="tiles", y=f"{error}, %")
    plain(right, x=f"energy {sample}, {unit}")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return svg(figure, "mappings by tiles, energy and errors")


def choice_table(beside: Mapping[str, Any]) -> str:
    """Return the paper's and the solver's choice for the paper's network as a Markdown table."""
    rows = ["| matrix | paper | tiles | loss | solver | tiles | loss | why |", "|---|---|---:|---:|---|---:|---:|---|"]
    for row in beside["matrices"]:
        (a, b) = (f"{one['way']} | {one['tiles']} | {one['loss']:.4f}" for one in (row["paper"], row["chosen"]))
        rows.append(f"| {row['matrix']} | {a} | {b} | {row['why']} |")
    a, b = (f"| {one['tiles']} | {one['predicted_loss']:.4f}" for one in (beside["paper"], beside["chosen"]))
    rows.append(f"| together | {a} | {b} | |")
    return "\n".join(rows)


def losses_table(losses: Sequence[Mapping[str, Any]]) -> str:
    """Return what single matrices lose in each encoding as a Markdown table, then the ways with more rows."""
    mean = {(one["matrix"], one["way"]): _mean(one["nats_per_letter"]) for one in losses}
    plain_ways = [way for way in dict.fromkeys(way for _, way in mean) if "," not in way]
    rows = ["| matrix | " + " | ".join(plain_ways) + " |", "|---|" + "---:|" * len(plain_ways)]
    lines = [(matrix, (matrix, "")) for matrix in dict.fromkeys(matrix for matrix, _ in mean)]
    more = list(dict.fromkeys(way.partition(",")[2] for _, way in mean if "," in way))
    first = next((matrix for matrix, way in mean if "," in way), "")
    lines += [(f"{first}, {rest}", (first, f",{rest}")) for rest in more]
    for name, (matrix, rest) in lines:
        cells = " | ".join(f"{mean[matrix, way + rest]:.4f}" for way in plain_ways)
        rows.append(f"| {name} | {cells} |")
    return "\n".join(rows)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _beside(tiles: Sequence[int]) -> list[float]:
    """Return the numbers moved a little, so that equal ones stand side by side."""
    found = []
    for place, count in enumerate(tiles):
        equal = [n for n, other in enumerate(tiles) if other == count]
        found.append(count + _SPREAD * ((equal.index(place) + 0.5) / len(equal) - 0.5))
    return found


def _panel(axes: Axes, points: Sequence[Mapping[str, Any]], x: Sequence[float], software: float) -> None:
    groups = {
        "on the front": (_FRONT, [n for n, p in enumerate(points) if p["front"] and PAPER not in p["marks"]]),
        "not on the front": (_OTHER, [n for n, p in enumerate(points) if not p["front"] and PAPER not in p["marks"]]),
        "the paper's mapping": (_PAPER, [n for n, p in enumerate(points) if PAPER in p["marks"]]),
    }
    for label, (tint, chosen) in groups.items():
        if not chosen:
            continue
        errors = [points[n]["error"] for n in chosen]
        half = [100 * (error["ci95"][1] - error["mean"]) for error in errors]
        y = [100 * error["mean"] for error in errors]
        axes.errorbar([x[n] for n in chosen], y, half, fmt="o", ms=5, lw=1, capsize=2, color=tint, label=label)
    axes.axhline(100 * software, color=INK, lw=0.8, ls="--", label="software")


def _energy(joule: float) -> str:
    return f"{joule * 1e6:.1f} uJ" if joule >= 1e-5 else f"{joule * 1e9:.0f} nJ"
