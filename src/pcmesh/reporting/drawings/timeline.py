"""The time diagram of a frame: what every resource of a chip does in every time step (paper: Fig. 3e)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Lane, Mapping
from pcmesh.reporting.drawings.figures import FAINT, INK, new_figure, plain, svg
from pcmesh.reporting.drawings.floorplan import layer_colours, tint
from pcmesh.reporting.drawings.words import number_ranges, operand_words, phase_words
from pcmesh.routing import ChipSchedule, Step

_PLAIN = "#e4e7eb"
_ROW_INCHES = 0.34
_STEP_INCHES = 1.1
_INCHES_PER_LETTER = 0.064


@dataclass(frozen=True)
class TileActivity:
    """One box of the diagram: what a resource does in a step (0-based), and the layer that it belongs to."""

    resource: str
    step: int
    text: str
    layer: str | None = None


def timeline(chip: ChipSpec, mapping: Mapping, schedule: ChipSchedule) -> str:
    """Return the time diagram of a frame on one chip as SVG; resources that do the same share a row."""
    rows = _merged(_activities(chip, mapping, schedule))
    count = len(schedule.steps)
    starts_ns = [schedule.start_ns(step, chip.timing) for step in range(count + 1)]
    longest = max((len(activity.text) for activities in rows.values() for activity in activities), default=0)
    step_inches = max(_STEP_INCHES, _INCHES_PER_LETTER * longest)
    figure = new_figure(step_inches * count + 2.2, _ROW_INCHES * len(rows) + 0.8)
    axes = plain(figure.subplots(), "", "time, ns")
    colours = layer_colours(mapping)
    for position, activities in enumerate(rows.values()):
        for activity in activities:
            _draw(axes, position, activity, starts_ns[activity.step : activity.step + 2], colours)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=8)
    axes.set_xticks(starts_ns)
    axes.set_xlim(0, starts_ns[-1])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    if 0 < schedule.interval_steps < count:
        axes.axvline(schedule.interval_ns(chip.timing), color=INK, linewidth=1.2, linestyle="--")
        axes.text(schedule.interval_ns(chip.timing), -0.62, "next frame begins", fontsize=7, va="bottom")
    return svg(figure, f"time diagram of chip {schedule.chip + 1}")


def _draw(axes: Axes, row: int, activity: TileActivity, span_ns: list[int], colours: dict[str, str]) -> None:
    shade = colours.get(activity.layer or "", FAINT)
    face = tint(shade) if activity.layer else _PLAIN
    begin, end = span_ns
    box = Rectangle((begin, row - 0.4), end - begin, 0.8, facecolor=face, edgecolor=shade, linewidth=0.8)
    axes.add_patch(box)
    axes.text(
        (begin + end) / 2,
        row,
        activity.text,
        ha="center",
        va="center",
        fontsize=6 if "\n" in activity.text else 7,
        color=INK,
    )


def _activities(chip: ChipSpec, mapping: Mapping, schedule: ChipSchedule) -> dict[str, list[TileActivity]]:
    """Return the activities of each resource: ILPs first, then tiles, then banks, then OLPs."""
    every = [entry for number, step in enumerate(schedule.steps) for entry in _of_step(chip, mapping, number, step)]
    names = [f"ILP {pad.domain}" for pad in chip.grid.ilps]
    names += [f"{what} {number}" for what in ("tile", "bank of tile") for number in range(1, chip.tiles + 1)]
    names += [f"OLP {pad.domain}" for pad in chip.grid.olps]
    found: dict[str, list[TileActivity]] = {name: [] for name in names}
    for entry in every:
        entries = found[entry.resource]
        if entries and entries[-1].step == entry.step:  # two half vectors share a landing pad
            entries[-1] = replace(entries[-1], text=f"{entries[-1].text}\n{entry.text}")
        else:
            entries.append(entry)
    return {name: entries for name, entries in found.items() if entries}


def _of_step(chip: ChipSpec, mapping: Mapping, number: int, step: Step) -> list[TileActivity]:
    made = [
        TileActivity(
            f"tile {chip.grid.number(integration.site)}",
            number,
            phase_words(integration.phase),
            mapping.tiles[integration.tile].wp1.layer,
        )
        for integration in step.integrations
    ]
    for readout in step.readouts:
        layer = mapping.groups[readout.group].layer
        made.append(
            TileActivity(f"bank of tile {chip.grid.number(readout.site)}", number, f"ramp, {readout.activation}", layer)
        )
    for transfer in step.transfers:
        if transfer.ilp is not None and transfer.operand is not None:
            pad = f"ILP {chip.grid.ilps[transfer.ilp].domain}"
            made.append(TileActivity(pad, number, operand_words(transfer.operand)))
        if transfer.olp is not None:
            pad = f"OLP {chip.grid.olps[transfer.olp].domain}"
            group = mapping.groups[transfer.group] if transfer.group is not None else None
            lane = "" if transfer.lane is Lane.ALL else f" {transfer.lane}"
            text = f"counts {group.column_start}:{group.column_stop}{lane}" if group else "counts"
            made.append(TileActivity(pad, number, text, group.layer if group else None))
    return made


def _merged(activities: dict[str, list[TileActivity]]) -> dict[str, list[TileActivity]]:
    """Join resources of one kind that do the same in every step, e.g. 16 tiles of one layer."""
    together: dict[tuple[object, ...], list[str]] = {}
    for name, entries in activities.items():
        kind = name.rsplit(" ", 1)[0]
        key = (kind, tuple(sorted((e.step, e.text, e.layer or "") for e in entries)))
        together.setdefault(key, []).append(name)
    return {_joined(str(key[0]), names): activities[names[0]] for key, names in together.items()}


def _joined(kind: str, names: list[str]) -> str:
    ends = [name.rsplit(" ", 1)[1] for name in names]
    if len(names) == 1:
        return names[0]
    if all(end.isdigit() for end in ends):
        return f"{kind.replace('bank', 'banks')}s {number_ranges([int(end) for end in ends])}"
    return f"{kind} {', '.join(ends)}"
