"""The mesh as a graph: nets of wires, and the borderguards that join them.

Over each grid place lies one *centre* net; between neighbouring places, and on the grid's rim, lie *edge* nets. A
borderguard on each side of a place passes signals from the edge net to the centre (`in`) or back (`out`). Source:
Ambrogio et al. 2023, "Reconfigurable architecture and routing", Extended Data Fig. 2e, f.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Literal, NamedTuple

from pcmesh.hardware.grid import GridSpec, Pad, Site

SideName = Literal["N", "S", "W", "E"]


class Net(NamedTuple):
    """A bundle of wires: the centre of a place, or the edge west or north of it.

    The east edge of the last column is the west edge of the column behind it; likewise for the south.
    """

    kind: Literal["centre", "west", "north"]
    row: int
    column: int


class Guard(NamedTuple):
    """A borderguard of a place, in one of its two directions, with the nets it joins."""

    site: Site
    side: SideName
    direction: Literal["in", "out"]
    source: Net
    target: Net


class Mesh:
    """Nets and borderguards of a grid."""

    def __init__(self, grid: GridSpec) -> None:
        self.grid = grid
        places = [Site(row, column) for row in range(grid.rows) for column in range(grid.columns)]
        self.guards = tuple(guard for site in places for guard in _guards(site))
        self.nets = tuple(dict.fromkeys(net for guard in self.guards for net in (guard.source, guard.target)))

    @cached_property
    def drivers(self) -> dict[Net, tuple[Guard, ...]]:
        """The borderguards that can drive each net."""
        return {net: tuple(g for g in self.guards if g.target == net) for net in self.nets}

    @cached_property
    def listeners(self) -> dict[Net, tuple[Guard, ...]]:
        """The borderguards that can pass each net's signal on."""
        return {net: tuple(g for g in self.guards if g.source == net) for net in self.nets}

    def pad(self, pad: Pad) -> Net:
        """Return the rim net that an ILP drives or an OLP listens to."""
        return Net("west", pad.row, 0 if pad.edge == "west" else self.grid.columns)

    def pads(self, pads: Iterable[Pad]) -> tuple[Net, ...]:
        """Return the rim nets of landing pads."""
        return tuple(self.pad(pad) for pad in pads)


def rows_net(site: Site) -> Net:
    """Return the net that a tile's rows listen to: its west edge."""
    return edge_net(site, "W")


def columns_net(site: Site) -> Net:
    """Return the net that a tile's columns drive: its south edge."""
    return edge_net(site, "S")


def edge_net(site: Site, side: SideName) -> Net:
    """Return the net on one side of a place."""
    row, column = site
    if side in ("W", "E"):
        return Net("west", row, column + (side == "E"))
    return Net("north", row + (side == "S"), column)


def _guards(site: Site) -> Iterable[Guard]:
    centre = Net("centre", *site)
    sides: tuple[SideName, ...] = ("N", "S", "W", "E")
    for side in sides:
        edge = edge_net(site, side)
        yield Guard(site, side, "in", edge, centre)
        yield Guard(site, side, "out", centre, edge)
