"""What the mesh does to pulses on the routes of a network: summed width shifts and clock ratios."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pcmesh.files.artefact import check
from pcmesh.hardware import ChipSpec, Site
from pcmesh.mapping import Mapping
from pcmesh.physics.fabrication import Instance, clock_ratio, wire_shifts
from pcmesh.programming.targets import physical_columns
from pcmesh.routing import Hop, Routing, Side, Transfer

Net = tuple[str, int, int]


@dataclass(frozen=True)
class Paths:
    """Width shifts of one chip instance along the routes.

    Attributes:
        rows: (tile, pair) -> (wires,) int32 shift of the pulses at the tile's rows, ticks.
        outputs: group -> (columns,) int32 shift on the way to its OLP, ticks.
        clocks: group -> period of its OLP's clock in units of the ILPs'.
        mapping: the tiles.
    """

    rows: dict[tuple[int, int], torch.Tensor]
    outputs: dict[int, torch.Tensor]
    clocks: dict[int, float]
    mapping: Mapping

    def row_shift(self, group: int) -> torch.Tensor:
        """Return the shift at each of a group's rows, in the order of its tiles and blocks, (K,) int32."""
        found = []
        for index in self.mapping.groups[group].tiles:
            tile = self.mapping.tiles[index]
            stacked = tile.encoding.record.stacked and tile.wp2 is not None
            if not stacked and (index, 2) in self.rows:
                same = torch.equal(self.rows[index, 1], self.rows[index, 2])
                check(same, f"tile {index}: its pairs are reached over different paths")
            for pair in (1, 2) if stacked else (1,):
                block = tile.wp1 if pair == 1 else tile.wp2
                found.append(self.rows[index, pair][: block.rows if block else 0])
        return torch.cat(found)

    def output_shift(self, group: int) -> torch.Tensor:
        """Return the shift of each of a group's columns on the way to its OLP, (columns,) int32.

        0 for groups that no route leads to an OLP: hidden layers are counted only while they are calibrated.
        """
        columns = self.mapping.groups[group].columns
        return self.outputs.get(group, torch.zeros(columns, dtype=torch.int32))

    def clock_ratio(self, group: int) -> float:
        """Return the clock ratio of a group's OLP."""
        return self.clocks.get(group, 1.0)


def route_paths(routing: Routing, mapping: Mapping, chip: ChipSpec, instance: Instance) -> Paths:
    """Sum the width shifts of all borderguards between each source and destination.

    Raises:
        VerificationError: a tile is reached over different paths in different phases of one pair.
    """
    rows: dict[tuple[int, int], torch.Tensor] = {}
    outputs: dict[int, torch.Tensor] = {}
    clocks: dict[int, float] = {}
    for schedule in routing.chips:
        die = instance.on_chip(schedule.chip)
        for step in schedule.steps:
            for transfer in step.transfers:
                if transfer.olp is not None and transfer.group is not None:
                    group = mapping.groups[transfer.group]
                    end = chip.grid.olps[transfer.olp]
                    column = 0 if end.edge == "west" else chip.grid.columns
                    shift = _shift(_way(transfer, ("H", end.row, column)), chip, die)
                    outputs[group.index] = shift[physical_columns(group)]
                    clocks[group.index] = clock_ratio(chip, die, transfer.olp)
            for done in step.integrations:
                transfer = next(t for t in step.transfers if done.site in t.rows_of)
                shift = _shift(_way(transfer, ("H", done.site.row, done.site.column)), chip, die)
                for pair in done.phase.pairs:
                    known = rows.setdefault((done.tile, pair), shift)
                    check(torch.equal(known, shift), f"tile {done.tile} is reached over two paths")
    return Paths(rows, outputs, clocks, mapping)


def _edge(site: Site, side: Side) -> Net:
    """Return the edge net on a side of a grid place."""
    row, column = site
    if side in (Side.WEST, Side.EAST):
        return "H", row, column + (side is Side.EAST)
    return "V", row + (side is Side.SOUTH), column


def _way(transfer: Transfer, end: Net) -> list[Hop]:
    """Return the hops from a transfer's source to an edge net."""
    arriving: dict[Net, Hop] = {}
    for hop in transfer.hops:
        centre = ("C", *hop.site)
        arriving[_edge(hop.site, hop.side) if hop.direction == "out" else centre] = hop
    way: list[Hop] = []
    while end in arriving:
        hop = arriving.pop(end)
        way.append(hop)
        end = ("C", *hop.site) if hop.direction == "out" else _edge(hop.site, hop.side)
    return way


def _shift(way: list[Hop], chip: ChipSpec, die: Instance) -> torch.Tensor:
    total = torch.zeros(chip.wires, dtype=torch.int32)
    for hop in way:
        total += wire_shifts(chip, die, hop.site, f"{hop.side}{hop.direction}")
    return total
