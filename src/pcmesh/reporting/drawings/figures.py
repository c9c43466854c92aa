"""Figures as inline SVG: no global state of matplotlib, the same bytes for the same data."""

from __future__ import annotations

import io

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f")
"""Colours that people with colour-blindness tell apart (Okabe and Ito), and two more."""

INK = "#1f2933"
FAINT = "#d5dbe1"


def colour(index: int) -> str:
    """Return the colour of the `index`-th layer or curve; colours repeat after eight."""
    return COLOURS[index % len(COLOURS)]


def new_figure(width_in: float, height_in: float, constrained: bool = True) -> Figure:
    """Return an empty figure of that size in inches, with a canvas of its own; unless told, axes make room for text."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained" if constrained else None)
    FigureCanvasAgg(figure)
    return figure


def plain(axes: Axes, title: str = "", x: str = "", y: str = "") -> Axes:
    """Set title and labels, drop the upper and right frame, draw a faint grid."""
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def svg(figure: Figure, name: str) -> str:
    """Return the figure as an `<svg>` element; `name` keeps its ids apart from other figures of the page."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)


def legend(axes: Axes) -> None:
    """Draw a small legend beside the axes, where it covers nothing."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False)


def thin(values: list[float], most: int) -> list[float]:
    """Return at most `most` of the values, evenly spaced and with both ends."""
    if len(values) <= most:
        return values
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]
