"""What every controller shall do in each time step, as states of its signals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace

from pcmesh.files.artefact import check
from pcmesh.hardware import ChipSpec, Site
from pcmesh.mapping import ColumnGroup, Lane, Mapping
from pcmesh.mapping.encodings import Part
from pcmesh.microcode.instruction import Instruction
from pcmesh.physics.column import RampSetting
from pcmesh.placement import Placement
from pcmesh.routing import ChipSchedule, Hop, Step, Transfer

Values = Dict[str, int]

# Cycles inside a time step at which a controller acts. All borderguards switch in one cycle, when no pulse is on its
# way; the capacitors are precharged for one cycle before they integrate. Not published: assumed.
STOP_INTEGRATION, STOP_RAMP, SWITCH_MESH, PRECHARGE, RELEASE, LISTEN, START = range(7)

SIDE_NAMES = {"N": "north", "S": "south", "W": "west", "E": "east"}
LANE_MASKS = {Lane.ALL: ("even", "odd"), Lane.EVEN: ("even",), Lane.ODD: ("odd",)}


@dataclass(frozen=True)
class PlaceSlot:
    """The signals of one grid place in one time step; an empty mapping is a bank at rest."""

    mesh: Values = field(default_factory=dict)
    array: Values = field(default_factory=dict)
    precharge: Values = field(default_factory=dict)
    conversion: Values = field(default_factory=dict)

    def words(self, before: tuple[PlaceSlot, ...]) -> list[tuple[int, Instruction]]:
        """Return the words that lead here from any of the states before, with their cycles."""
        found: list[tuple[int, Instruction]] = []
        if any(slot.array for slot in before):
            found.append((STOP_INTEGRATION, Instruction("array")))
        if any(slot.conversion for slot in before):
            found.append((STOP_RAMP, Instruction("conversion")))
        if any(slot.mesh != self.mesh for slot in before):
            found.append((SWITCH_MESH, Instruction("mesh", 0, self.mesh)))
        if self.precharge:
            found.append((PRECHARGE, Instruction("capacitors", 0, {**self.precharge, "precharge": 1})))
            found.append((RELEASE, Instruction("capacitors", 0, self.precharge)))
        if self.array:
            found.append((LISTEN, Instruction("array", 0, self.array)))
        if self.conversion:
            found.append((START, Instruction("conversion", 0, self.conversion)))
        return found


@dataclass(frozen=True)
class PadSlot:
    """What a landing pad does in one time step: nothing, or one instruction at a cycle."""

    cycle: int = 0
    instruction: Instruction | None = None

    def words(self, _before: tuple[PadSlot, ...]) -> list[tuple[int, Instruction]]:
        """Return the instruction."""
        return [] if self.instruction is None else [(self.cycle, self.instruction)]


@dataclass(frozen=True)
class SlotBuilder:
    """Derives the places' signals of merged time steps from a chip's schedule."""

    chip: ChipSpec
    schedule: ChipSchedule
    mapping: Mapping
    placement: Placement
    settings: Dict[int, RampSetting]

    def place_slots(self) -> dict[Site, list[PlaceSlot]]:
        """Return, for every place in use, its slots: prologue and steady state (see `merged_steps`)."""
        merged = merged_steps(self.schedule)
        slots: dict[Site, list[PlaceSlot]] = defaultdict(lambda: [PlaceSlot()] * len(merged))
        for number, steps in enumerate(merged):
            for site, mesh in self._mesh([self.schedule.steps[step] for step in steps]).items():
                slots[site][number] = PlaceSlot(mesh=mesh)
            for step in steps:
                for site, banks in self._banks(step).items():
                    slots[site][number] = replace(slots[site][number], **banks)
        return dict(slots)

    def _mesh(self, steps: list[Step]) -> dict[Site, Values]:
        found: dict[Site, dict[str, int]] = defaultdict(dict)
        for step in steps:
            for transfer in step.transfers:
                self._columns(transfer, found)
                for hop in transfer.hops:
                    open_guard(found[hop.site], hop, transfer.lane)
        return dict(found)

    def _columns(self, transfer: Transfer, found: dict[Site, dict[str, int]]) -> None:
        if transfer.group is not None:
            site = self._bank_site(self.mapping.groups[transfer.group])
            found[site] |= {f"columns_{lane}": 1 for lane in LANE_MASKS[transfer.lane]}

    def _bank_site(self, group: ColumnGroup) -> Site:
        return self.placement.places[group.tiles[-1]].site

    def _banks(self, step: int) -> dict[Site, dict[str, Values]]:
        found: dict[Site, dict[str, Values]] = defaultdict(dict)
        for done in self.schedule.steps[step].integrations:
            tile = self.mapping.tiles[done.tile]
            block = tile.block(done.phase.pairs[0])
            check(block is not None, f"tile {done.tile} has no block on WP{done.phase.pairs[0]}")
            array = {"integrate": 1, "rows": block.rows if block else 0}
            array |= {f"wp{pair}": 1 for pair in done.phase.pairs}
            if done.phase.polarity < 0:
                array["polarity"] = 1
            if done.phase.part == "positive" and self.chip.tile.bias_rows:
                array["bias_ns"] = self.chip.timing.input_max_ns
            found[done.site]["array"] = array
            if self._first_step(tile.group) == step:
                group = self.mapping.groups[tile.group]
                units = {"units": self.settings[tile.group].capacitor_units}
                shared = {"share_north": 1} if len(group.tiles) > 1 else {}
                found[self._bank_site(group)]["precharge"] = units | shared
        for readout in self.schedule.steps[step].readouts:
            ramp = self.settings[readout.group]
            conversion = {"ramp": 1, "slope": ramp.slope_code, "zero": ramp.zero_ticks}
            found[readout.site]["conversion"] = _set(conversion)
        return dict(found)

    def _first_step(self, group: int) -> int:
        tiles = set(self.mapping.groups[group].tiles)
        return next(n for n, step in enumerate(self.schedule.steps) if any(i.tile in tiles for i in step.integrations))


def merged_steps(schedule: ChipSchedule) -> list[list[int]]:
    """Return the steps that run at the same time, slot by slot: the prologue's intervals, then the steady state's."""
    count, interval = len(schedule.steps), schedule.interval_steps
    overlap = -(-count // interval)
    return [
        [step for age in range(number + 1) if (step := slot + age * interval) < count]
        for number in range(overlap)
        for slot in range(interval)
    ]


def open_guard(mesh: dict[str, int], hop: Hop, lane: Lane) -> None:
    """Add an open borderguard to a place's mesh signals."""
    side = SIDE_NAMES[hop.side]
    state = 1 if hop.direction == "in" else 2
    check(mesh.get(side, state) == state, f"place {tuple(hop.site)}: its {side} borderguard goes both ways")
    mesh[side] = state
    for wires in LANE_MASKS[lane]:
        mesh[f"{side}_{wires}"] = 1


def send_word(address: int, part: Part) -> Instruction:
    """Return an ILP's word that sends a vector."""
    return Instruction("send", 0, _set({"address": address, "part": int(part == "negative")}))


def collect_word(address: int, step_ns: int, wires: Iterable[str]) -> Instruction:
    """Return an OLP's word that counts even, odd or all wires until just before the time step ends."""
    window = step_ns - LISTEN - 1
    return Instruction("collect", 0, _set({"address": address, "window": window} | dict.fromkeys(sorted(wires), 1)))


def _set(values: Values) -> Values:
    return {name: value for name, value in values.items() if value}
