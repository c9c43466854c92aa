"""Which wires carry which vector in which time step (paper: Fig. 4e, f)."""

from __future__ import annotations

from matplotlib.axes import Axes

from pcmesh.hardware import ChipSpec, Site
from pcmesh.mapping import Lane, Mapping
from pcmesh.placement import Placement
from pcmesh.reporting.drawings.figures import FAINT, INK, colour, new_figure, svg
from pcmesh.reporting.drawings.floorplan import layer_colours, tint
from pcmesh.reporting.drawings.grid import TILE_HALF, Point, centre, draw_grid, draw_tile, edge, guard, rim
from pcmesh.reporting.drawings.words import transfer_words
from pcmesh.routing import ChipSchedule, Side, Step, Transfer

_PER_ROW = 3
_WIDTH = 3.5
_LINE = 0.15
_LANE_SHIFT = {Lane.ALL: 0.0, Lane.EVEN: -0.06, Lane.ODD: 0.06}
_MOST_NAMED = 8


def routes(chip: ChipSpec, mapping: Mapping, placement: Placement, schedule: ChipSchedule) -> str:
    """Return a panel per time step of one chip as SVG.

    Lines are vectors on centre and edge nets, squares the borderguards that propagate (grey ones block), arrow heads
    the tile rows and landing pads that listen; tiles that integrate are filled.
    """
    lines = min(_MOST_NAMED, max((len(step.transfers) for step in schedule.steps), default=0))
    panel = _Panel(chip, lines)
    rows = -(-len(schedule.steps) // _PER_ROW)
    figure = new_figure(_WIDTH * _PER_ROW, panel.height * rows, constrained=False)
    for position, step in enumerate(schedule.steps):
        across, down = position % _PER_ROW, position // _PER_ROW
        bottom = (rows - down - 1) * panel.height + _LINE * lines
        axes = figure.add_axes(
            (across / _PER_ROW, bottom / (panel.height * rows), 0.96 / _PER_ROW, panel.drawing / (panel.height * rows))
        )
        _draw_step(axes, chip, mapping, placement, step)
        axes.set_title(f"Step {position + 1}", fontsize=9, loc="left")
        _name_transfers(axes, chip, mapping, step, _LINE / panel.drawing)
    return svg(figure, f"routes of chip {schedule.chip + 1}")


class _Panel:
    """The sizes of one step's panel, inches: the drawing, and the whole with title and named transfers."""

    def __init__(self, chip: ChipSpec, lines: int) -> None:
        self.drawing = 0.96 * _WIDTH * (chip.grid.rows + 0.2) / (chip.grid.columns + 1.5)
        self.height = self.drawing + _LINE * (lines + 3)


def _draw_step(axes: Axes, chip: ChipSpec, mapping: Mapping, placement: Placement, step: Step) -> None:
    draw_grid(axes, chip, pad_names=False)
    colours = layer_colours(mapping)
    for integration in step.integrations:
        layer_colour = colours[mapping.tiles[integration.tile].wp1.layer]
        draw_tile(axes, integration.site, tint(layer_colour), layer_colour)
    for readout in step.readouts:
        x, y = centre(readout.site)
        axes.plot(
            [x - TILE_HALF, x + TILE_HALF],
            [y + TILE_HALF] * 2,
            color=colours[mapping.groups[readout.group].layer],
            lw=3,
        )
    _draw_blocked(axes, chip, step)
    for number, transfer in enumerate(step.transfers):
        _draw_transfer(axes, chip, placement, mapping, transfer, colour(number))


def _draw_blocked(axes: Axes, chip: ChipSpec, step: Step) -> None:
    used = {(hop.site, hop.side) for transfer in step.transfers for hop in transfer.hops}
    everywhere = (Site(r, c) for r in range(chip.grid.rows) for c in range(chip.grid.columns))
    points = [guard(site, side) for site in everywhere for side in Side if (site, side) not in used]
    axes.plot([p[0] for p in points], [p[1] for p in points], "s", markersize=1.6, color=FAINT)


def _draw_transfer(
    axes: Axes, chip: ChipSpec, placement: Placement, mapping: Mapping, transfer: Transfer, shade: str
) -> None:
    shift = _LANE_SHIFT[transfer.lane]
    for hop in transfer.hops:
        _line(axes, centre(hop.site), edge(hop.site, hop.side), shade, shift)
        x, y = guard(hop.site, hop.side)
        axes.plot(x + shift, y + shift, "s", markersize=3, color=shade)
    if transfer.ilp is not None:
        _mark(axes, rim(chip, chip.grid.ilps[transfer.ilp]), "o", shade, shift)
    if transfer.group is not None:
        site = placement.places[mapping.groups[transfer.group].tiles[-1]].site
        x, y = centre(site)
        _line(axes, (x, y + TILE_HALF), edge(site, Side.SOUTH), shade, shift)
        _mark(axes, (x, y + TILE_HALF), "o", shade, shift)
    for site in transfer.rows_of:
        x, y = edge(site, Side.WEST)
        _line(axes, (x, y), (x + 0.22, y), shade, shift)
        _mark(axes, (x + 0.24, y), ">", shade, shift)
    if transfer.olp is not None:
        pad = chip.grid.olps[transfer.olp]
        _mark(axes, rim(chip, pad), "<" if pad.edge == "west" else ">", shade, shift)


def _line(axes: Axes, start: Point, stop: Point, shade: str, shift: float) -> None:
    axes.plot([start[0] + shift, stop[0] + shift], [start[1] + shift, stop[1] + shift], color=shade, linewidth=1.6)


def _mark(axes: Axes, point: Point, marker: str, shade: str, shift: float) -> None:
    axes.plot(point[0] + shift, point[1] + shift, marker, markersize=6, color=shade)


def _name_transfers(axes: Axes, chip: ChipSpec, mapping: Mapping, step: Step, pitch: float) -> None:
    names = [(transfer_words(chip, mapping, t), colour(i)) for i, t in enumerate(step.transfers)]
    if len(names) > _MOST_NAMED:
        names = [*names[: _MOST_NAMED - 1], (f"and {len(names) - _MOST_NAMED + 1} more", INK)]
    for line, (text, shade) in enumerate(names):
        place = (0.02, -pitch * (line + 0.2))
        axes.text(*place, text, fontsize=6.5, color=shade, va="top", transform=axes.transAxes, clip_on=False)
