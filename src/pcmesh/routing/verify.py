"""The rules that every routing keeps, checked from its hops alone: nothing here knows how it was found."""

from __future__ import annotations

from collections import Counter

from pcmesh.files.artefact import check
from pcmesh.hardware import ChipSpec, Site
from pcmesh.hardware.mesh import Mesh, Net, columns_net, edge_net, rows_net
from pcmesh.mapping import ColumnGroup, Lane, Mapping, TileImage
from pcmesh.network import LayerGraph
from pcmesh.placement import Placement
from pcmesh.routing.types import ChipSchedule, Hop, Routing, Transfer

# The wires that a transfer uses: those of even, of odd, or of all columns.
WIRES = {Lane.ALL: (Lane.EVEN, Lane.ODD), Lane.EVEN: (Lane.EVEN,), Lane.ODD: (Lane.ODD,)}


def verify_routing(routing: Routing, mapping: Mapping, placement: Placement, graph: LayerGraph, chip: ChipSpec) -> None:
    """Check that every vector arrives, once, on wires of its own, in the phases of its encoding.

    Raises:
        VerificationError: naming chip, step and place.
    """
    mesh = Mesh(chip.grid)
    collected: Counter[int] = Counter()
    for schedule in routing.chips:
        checker = _ChipChecker(schedule, mapping, placement, mesh)
        checker.check_wires()
        checker.check_integrations()
        checker.check_readouts()
        collected.update(
            transfer.group
            for step in schedule.steps
            for transfer in step.transfers
            if transfer.olp is not None and transfer.group is not None
        )
    for group in mapping.groups:
        layer = graph.layer(group.layer)
        taken = any(layer.output in operation.inputs for operation in graph.digital)
        expected = int(taken or not graph.consumers(layer.output))
        found = collected[group.index]
        check(found == expected, f"group {group.index}: collected {found} times, expected {expected}")


def _nets_of_hop(hop: Hop) -> tuple[Net, Net]:
    edge, centre = edge_net(hop.site, hop.side.value), Net("centre", *hop.site)
    return (edge, centre) if hop.direction == "in" else (centre, edge)


class _ChipChecker:
    def __init__(self, schedule: ChipSchedule, mapping: Mapping, placement: Placement, mesh: Mesh) -> None:
        self.schedule = schedule
        self.mapping = mapping
        self.mesh = mesh
        self.ilps = mesh.pads(mesh.grid.ilps)
        self.olps = mesh.pads(mesh.grid.olps)
        self.site = {index: p.site for index, p in enumerate(placement.places) if p.chip == schedule.chip}

    def check_wires(self) -> None:
        """Check connections and drivers, in all steps that run at the same time (those of the next frame included)."""
        interval = self.schedule.interval_steps
        check(0 < interval <= len(self.schedule.steps), f"chip {self.schedule.chip}: interval of {interval} steps")
        for first in range(interval):
            together = self.schedule.steps[first::interval]
            where = f"chip {self.schedule.chip}, step {first + 1}"
            drivers: Counter[tuple[Net, Lane]] = Counter()
            transfers = [transfer for step in together for transfer in step.transfers]
            for transfer in transfers:
                self._follow(transfer, where, drivers)
            # A borderguard in both states, or two vectors at one OLP, would drive the net behind it twice as well.
            for (net, lane), number in drivers.items():
                check(number == 1, f"{where}: {number} drivers on the {lane} wires of {tuple(net)}")
            for pad, number in Counter(t.ilp for t in transfers if t.ilp is not None).items():
                check(number == 1, f"{where}: ILP {pad} drives {number} vectors")

    def _follow(self, transfer: Transfer, where: str, drivers: Counter[tuple[Net, Lane]]) -> None:
        """Follow a vector from its source, count what it drives, and check that it arrives."""
        source = self._source(transfer, where)
        reached = {source}
        drivers.update((source, lane) for lane in WIRES[transfer.lane])
        for hop in transfer.hops:
            start, target = _nets_of_hop(hop)
            at = f"{where}: hop {hop.direction} {hop.side} at {tuple(hop.site)}"
            check(start in self.mesh.nets, f"{at} is outside the grid")
            check(start in reached, f"{at} is not connected to its source")
            reached.add(target)
            drivers.update((target, lane) for lane in WIRES[transfer.lane])
        for site in transfer.rows_of:
            check(rows_net(site) in reached, f"{where}: a vector does not reach the rows of {tuple(site)}")
        if transfer.olp is not None:
            check(0 <= transfer.olp < len(self.olps), f"{where}: no OLP {transfer.olp}")
            check(self.olps[transfer.olp] in reached, f"{where}: a vector does not reach OLP {transfer.olp}")

    def _source(self, transfer: Transfer, where: str) -> Net:
        if transfer.ilp is not None:
            check(transfer.group is None and transfer.operand is not None, f"{where}: a transfer has two sources")
            check(0 <= transfer.ilp < len(self.ilps), f"{where}: no ILP {transfer.ilp}")
            return self.ilps[transfer.ilp]
        check(transfer.group is not None and transfer.operand is None, f"{where}: a transfer has no source")
        assert transfer.group is not None  # checked above
        return columns_net(self._bank(self.mapping.groups[transfer.group]))

    def _bank(self, group: ColumnGroup) -> Site:
        check(group.tiles[-1] in self.site, f"chip {self.schedule.chip}: group {group.index} is on another chip")
        return self.site[group.tiles[-1]]

    def check_integrations(self) -> None:
        """Check that every tile runs through the phases of its encoding, each with the slice that it expects."""
        phases: dict[int, list[object]] = {tile: [] for tile in self.site}
        for number, step in enumerate(self.schedule.steps):
            where = f"chip {self.schedule.chip}, step {number + 1}"
            for entry in step.integrations:
                check(self.site.get(entry.tile) == entry.site, f"{where}: tile {entry.tile} is not at {entry.site}")
                phases[entry.tile].append(entry.phase)
                tile = self.mapping.tiles[entry.tile]
                block = tile.block(entry.phase.pairs[0])
                check(block is not None, f"{where}: tile {entry.tile} has nothing on pair {entry.phase.pairs}")
                arriving = [t for t in step.transfers if entry.site in t.rows_of]
                check(len(arriving) == 1, f"{where}: {len(arriving)} vectors arrive at the rows of tile {entry.tile}")
                expected = self._expected(tile, entry.phase.pairs[0], entry.phase.part)
                found = self._carried(arriving[0])
                check(found == expected, f"{where}: tile {entry.tile} gets {found}, expected {expected}")
        for index, seen in phases.items():
            expected_phases = list(self.mapping.phases(self.mapping.tiles[index]))
            check(seen == expected_phases, f"tile {index}: phases {seen}, expected {expected_phases}")

    def _expected(self, tile: TileImage, pair: int, part: str) -> tuple[str, int, int, str]:
        block = tile.block(pair)
        assert block is not None  # checked by the caller
        return self.mapping.layer(tile.wp1.layer).input, block.row_start, block.row_stop, part

    def _carried(self, transfer: Transfer) -> tuple[str, int, int, str]:
        """Return what a transfer carries; a readout's durations have no negative part."""
        if transfer.operand is not None:
            operand = transfer.operand
            return operand.vector, operand.start, operand.stop, operand.part
        assert transfer.group is not None  # a transfer has one source, checked before
        group = self.mapping.groups[transfer.group]
        return self.mapping.layer(group.layer).output, group.column_start, group.column_stop, "positive"

    def check_readouts(self) -> None:
        """Check that banks are read after their tiles have integrated, and before these start the next frame."""
        steps = self.schedule.steps
        active: dict[int, list[int]] = {}
        for number, step in enumerate(steps):
            for entry in step.integrations:
                active.setdefault(self.mapping.tiles[entry.tile].group, []).append(number)
        for number, step in enumerate(steps):
            where = f"chip {self.schedule.chip}, step {number + 1}"
            read = {readout.group for readout in step.readouts}
            sent = {transfer.group for transfer in step.transfers if transfer.group is not None}
            check(read == sent, f"{where}: banks {sorted(read)} are read, {sorted(sent)} drive the mesh")
            for readout in step.readouts:
                group = self.mapping.groups[readout.group]
                check(readout.site == self._bank(group), f"{where}: the bank of group {group.index} is elsewhere")
                own = active.get(group.index, [])
                check(bool(own) and number > own[-1], f"{where}: group {group.index} is read before it is complete")
                fresh = number < own[0] + self.schedule.interval_steps
                check(fresh, f"{where}: group {group.index} is read after its next frame has begun")
