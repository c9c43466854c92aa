"""The chip's grid as a drawing: places, landing pads and the points of the mesh where vectors pass."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from pcmesh.hardware import ChipSpec, Pad, Site
from pcmesh.reporting.drawings.figures import FAINT, INK
from pcmesh.routing import Side

TILE_HALF = 0.36
"""Half the side of a drawn tile; places are one unit apart, so mesh edges lie in the gaps between tiles."""

_PAD_DEPTH = 0.42
_TOWARDS = {Side.NORTH: (0.0, -0.5), Side.SOUTH: (0.0, 0.5), Side.WEST: (-0.5, 0.0), Side.EAST: (0.5, 0.0)}

Point = tuple[float, float]


def centre(site: Site) -> Point:
    """Return the point of a place's centre net."""
    return (site.column, site.row)


def edge(site: Site, side: Side) -> Point:
    """Return the point of the edge net on that side of a place."""
    across, down = _TOWARDS[side]
    return (site.column + across, site.row + down)


def guard(site: Site, side: Side) -> Point:
    """Return the point of the borderguard on that side of a place: where the tile ends."""
    across, down = _TOWARDS[side]
    return (site.column + 2 * TILE_HALF * across, site.row + 2 * TILE_HALF * down)


def rim(chip: ChipSpec, pad: Pad) -> Point:
    """Return the point of the rim net that a landing pad drives or listens to."""
    column = 0 if pad.edge == "west" else chip.grid.columns - 1
    return edge(Site(pad.row, column), Side.WEST if pad.edge == "west" else Side.EAST)


def draw_grid(axes: Axes, chip: ChipSpec, pad_names: bool = True) -> None:
    """Draw empty tiles, gaps (dotted) and landing pads, and set the limits of the drawing."""
    sites = set(chip.grid.sites)
    for row in range(chip.grid.rows):
        for column in range(chip.grid.columns):
            draw_tile(axes, Site(row, column), "#f5f7f9" if Site(row, column) in sites else "none", FAINT)
    for gap in chip.grid.gaps:
        axes.text(gap.column, gap.row, "PE", ha="center", va="center", fontsize=6, color="#9aa5b1")
    for kind, pads in (("ILP", chip.grid.ilps), ("OLP", chip.grid.olps)):
        for pad in pads:
            _draw_pad(axes, chip, pad, kind, pad_names)
    axes.set_xlim(-1.25, chip.grid.columns + 0.25)
    axes.set_ylim(chip.grid.rows - 0.4, -0.6)
    axes.set_aspect("equal")
    axes.set_axis_off()


def draw_tile(axes: Axes, site: Site, face: str, rim_colour: str) -> None:
    """Draw one tile's square."""
    corner = (site.column - TILE_HALF, site.row - TILE_HALF)
    style = "-" if face != "none" else ":"
    axes.add_patch(
        Rectangle(corner, 2 * TILE_HALF, 2 * TILE_HALF, facecolor=face, edgecolor=rim_colour, linewidth=0.8, ls=style)
    )


def _draw_pad(axes: Axes, chip: ChipSpec, pad: Pad, kind: str, named: bool) -> None:
    x, y = rim(chip, pad)
    outward = -1 if pad.edge == "west" else 1
    near, far = (0.14, 0.22) if kind == "ILP" else (0.22, 0.14)
    points = [(x, y - near), (x, y + near), (x + outward * _PAD_DEPTH, y + far), (x + outward * _PAD_DEPTH, y - far)]
    axes.add_patch(Polygon(points, closed=True, facecolor="#e4e7eb", edgecolor="#9aa5b1", linewidth=0.6))
    if named:
        axes.text(
            x + outward * _PAD_DEPTH / 2, y, f"{kind}\n{pad.domain}", ha="center", va="center", fontsize=6, color=INK
        )
