"""Bars with intervals, and lines across for what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pcmesh.reporting.drawings.figures import INK, colour, legend, new_figure, plain, svg

_STYLES = ("-", ":", "--")


def interval_bars(
    label: str,
    names: Sequence[str],
    means: Sequence[float],
    ci95: Sequence[Sequence[float]],
    levels: Mapping[str, float],
    values: Sequence[Sequence[float]] = (),
    title: str = "",
    zoom: bool = False,
) -> str:
    """Return a bar for each name with its 95 % interval.

    Args:
        label: of the axis.
        names: of the bars.
        means: their heights.
        ci95: lower and upper end of each interval.
        levels: name -> height of a line across.
        values: what each bar is the mean of, drawn as dots.
        title: what the picture is called (its label otherwise).
        zoom: the axis begins near the lowest value instead of at zero.
    """
    figure = new_figure(max(4.0, 0.75 * len(names) + 1.5), 3.6)
    axes = plain(figure.subplots(), "", "", label)
    below = [mean - low for mean, (low, _) in zip(means, ci95, strict=True)]
    above = [high - mean for mean, (_, high) in zip(means, ci95, strict=True)]
    places = range(len(means))
    axes.bar(places, means, color=colour(0), width=0.7, yerr=[below, above], capsize=3, ecolor=INK)
    for place, several in enumerate(values):
        axes.plot([place] * len(several), several, "o", color=colour(1), markersize=3, label=None if place else "chips")
    slanted = max(map(len, names)) > 8
    axes.set_xticks(list(places), list(names), rotation=40 if slanted else 0, ha="right" if slanted else "center")
    for style, (name, height) in zip(_STYLES, levels.items(), strict=False):
        axes.axhline(height, color=INK, linewidth=0.8, linestyle=style, label=name)
    axes.set_ylim(bottom=0)
    if zoom:
        ends = [value for several in (values or ci95) for value in several] + list(levels.values())
        margin = 0.1 * (max(ends) - min(ends)) or 1.0
        axes.set_ylim(min(ends) - margin, max(ends) + margin)
    if levels or values:
        legend(axes)
    return svg(figure, title or label)
