"""Voltages of capacitors over time: sampled, held, compared with the ramp (paper: Extended Data Fig. 2c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcmesh.reporting.drawings.figures import FAINT, INK, colour, legend, new_figure, plain, svg


def voltages(data: Mapping[str, Any]) -> str:
    """Return the voltage of each column from the precharge on, its ramp (dashed) and where its comparator trips."""
    figure = new_figure(8.4, 3.8)
    axes = plain(figure.subplots(), "", "time since the precharge, ns", "capacitor voltage, V")
    begin, end = data["ramp_ns"]
    for index, (name, start, stop) in enumerate(data["integrations"]):
        axes.axvspan(start, stop, color=FAINT, alpha=0.5 if index % 2 else 0.25, linewidth=0)
        axes.text((start + stop) / 2, 1.01, name, transform=axes.get_xaxis_transform(), ha="center", fontsize=7)
    axes.text((begin + end) / 2, 1.01, "ramp", transform=axes.get_xaxis_transform(), ha="center", fontsize=7)
    for index, column in enumerate(data["columns"]):
        low, high = column["ramp_volts"]
        axes.plot(
            data["time_ns"], column["volts"], color=colour(index), linewidth=1.3, label=f"column {column['column']}"
        )
        trip, reached = begin + column["pulse_ns"], low + (high - low) * column["pulse_ns"] / (end - begin)
        axes.plot([begin, trip], [low, reached], "--", color=INK, linewidth=0.7)
        axes.plot([trip], [reached], "o", color=colour(index), markersize=5)
    axes.axhline(0, color=INK, linewidth=0.5)
    legend(axes)
    return svg(figure, "capacitor voltages")
