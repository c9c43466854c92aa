"""Which tile of a chip holds what."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch, Rectangle

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Lane, Mapping, TileImage
from pcmesh.placement import Placement
from pcmesh.reporting.drawings.figures import INK, colour, new_figure, svg
from pcmesh.reporting.drawings.grid import TILE_HALF, draw_grid, draw_tile

_INCHES_PER_PLACE = 1.25
_BANK_COLOUR = "#0b2e6f"
_TINT = 0.68


def floorplan(chip: ChipSpec, mapping: Mapping, placement: Placement, index: int) -> str:
    """Return the floorplan of one chip as SVG.

    Tiles are coloured by layer and say which rows and columns of the layer's matrix they hold; a dark bar joins two
    tiles that share a bank of capacitors (paper: Extended Data Fig. 5a).
    """
    width, height = (chip.grid.columns + 1.5) * _INCHES_PER_PLACE, (chip.grid.rows + 0.8) * _INCHES_PER_PLACE
    figure = new_figure(width, height)
    axes = figure.subplots()
    draw_grid(axes, chip)
    colours = layer_colours(mapping)
    used: dict[str, str] = {}
    for tile in mapping.tiles:
        place = placement.places[tile.index]
        if place.chip != index:
            continue
        layer = tile.wp1.layer
        used[layer] = colours[layer]
        draw_tile(axes, place.site, tint(colours[layer]), colours[layer])
        axes.text(
            place.site.column,
            place.site.row,
            _contents(chip.grid.number(place.site), tile, mapping.groups[tile.group].lane),
            ha="center",
            va="center",
            fontsize=7,
            color=INK,
            linespacing=1.35,
        )
    _draw_banks(axes, mapping, placement, index)
    patches = [Patch(facecolor=tint(c), edgecolor=c, label=layer) for layer, c in used.items()]
    axes.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4, frameon=False, fontsize=8)
    return svg(figure, f"floorplan of chip {index + 1}")


def layer_colours(mapping: Mapping) -> dict[str, str]:
    """Return the colour of every layer, the same in all drawings of a network."""
    return {layer.layer: colour(position) for position, layer in enumerate(mapping.layers)}


def tint(name: str) -> str:
    """Return a light tint of a colour, on which text is legible."""
    parts = (round(255 * (part + (1 - part) * _TINT)) for part in to_rgb(name))
    return "#{:02x}{:02x}{:02x}".format(*parts)


def _contents(number: int, tile: TileImage, lane: Lane) -> str:
    first = tile.wp1
    rows = [f"rows {first.row_start}-{first.row_stop - 1}"]
    if tile.encoding.record.stacked and tile.wp2 is not None:
        rows.append(f"+ {tile.wp2.row_start}-{tile.wp2.row_stop - 1}")
    columns = f"cols {first.column_start}-{first.column_stop - 1}"
    encoding = str(tile.encoding) if lane is Lane.ALL else f"{tile.encoding}, {lane} columns"
    return "\n".join([f"tile {number}", *rows, columns, encoding])


def _draw_banks(axes: Axes, mapping: Mapping, placement: Placement, index: int) -> None:
    for group in mapping.groups:
        if len(group.tiles) < 2 or placement.places[group.tiles[0]].chip != index:
            continue
        north = placement.places[group.tiles[0]].site
        corner = (north.column - TILE_HALF, north.row + 0.5 - 0.05)
        axes.add_patch(Rectangle(corner, 2 * TILE_HALF, 0.1, facecolor=_BANK_COLOUR, edgecolor="none"))
