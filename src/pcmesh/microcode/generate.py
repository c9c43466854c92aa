"""The code generator: schedules -> programs of local controllers and landing pads."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Dict

from pcmesh.errors import CapacityError, ConfigurationError
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Lane, Mapping
from pcmesh.microcode.slots import (
    LANE_MASKS,
    LISTEN,
    START,
    PadSlot,
    PlaceSlot,
    SlotBuilder,
    collect_word,
    merged_steps,
    send_word,
)
from pcmesh.microcode.timeline import Timeline
from pcmesh.microcode.types import (
    PAD_VECTORS,
    ChipProgram,
    Collect,
    ControllerProgram,
    Load,
    Microcode,
    PadProgram,
    TileProgram,
)
from pcmesh.network import LayerGraph
from pcmesh.physics.column import RampSetting
from pcmesh.placement import Placement
from pcmesh.routing import ChipSchedule, Operand, Routing


def generate(
    routing: Routing,
    mapping: Mapping,
    placement: Placement,
    graph: LayerGraph,
    settings: Dict[int, RampSetting],
    chip: ChipSpec,
) -> Microcode:
    """Return the programs of all controllers of all chips.

    Words are written only for what changes from one time step to the next; the steady state is a loop. The bias rows
    conduct in every phase that carries the positive part. A capacitor bank is precharged when its group starts to
    integrate, and holds its charge while its ramp is started again for a repeated hand-over.

    Args:
        routing: the schedules.
        mapping, placement: the tiles, and where they lie.
        graph: the network.
        settings: group -> how its capacitors are read.
        chip: the chip.

    Raises:
        CapacityError: a program exceeds its SRAM, or a landing pad's vectors do; says by how much.
        ConfigurationError: a time step is too short for the longest pulse, or a setting does not fit its bits.
    """
    _check_step(chip)
    missing = sorted(group.index for group in mapping.groups if group.index not in settings)
    if missing:
        layer = mapping.groups[missing[0]].layer
        raise ConfigurationError(f"{graph.name}: group {missing[0]} of layer {layer} has no ramp setting")
    made = Microcode(
        chips=tuple(_chip_program(schedule, mapping, placement, settings, chip) for schedule in routing.chips)
    )
    made.verify(chip)
    return made


def short_steps(chip: ChipSpec) -> Iterator[tuple[str, str]]:
    """Yield every time step that is too short for the controllers' programs, as a problem and its remedy."""
    timing = chip.timing
    for key, pulse in (("step_ns", "output_max_ns"), ("step_ns", "input_max_ns"), ("integration_ns", "input_max_ns")):
        length, longest = getattr(timing, key), getattr(timing, pulse)
        needed = START + longest + 1
        if length < needed:
            yield (
                f"timing.{key} = {length} is {needed - length} ns too short: {START} ns to switch the mesh and a pulse "
                f"of {longest} ns that the mesh may widen by 1 ns",
                f"Set timing.{key} to {needed} or more (and the delay of the longest route), or shorten {pulse}",
            )


def _check_step(chip: ChipSpec) -> None:
    problem = next(short_steps(chip), None)
    if problem is not None:
        raise ConfigurationError(*problem)


def _chip_program(
    schedule: ChipSchedule,
    mapping: Mapping,
    placement: Placement,
    settings: Dict[int, RampSetting],
    chip: ChipSpec,
) -> ChipProgram:
    builder = SlotBuilder(chip, schedule, mapping, placement, settings)
    slots_ns, limit = schedule.slots_ns(chip.timing), chip.controller.sram_words

    def tile_program(where: str, slots: list[PlaceSlot]) -> ControllerProgram:
        line = Timeline(slots, slots_ns, lambda before, slot: slot.words(before), PlaceSlot())
        return line.program(where, limit)

    def pad_program(where: str, actions: dict[int, PadSlot]) -> ControllerProgram:
        slots = [_one(where, steps, actions) for steps in merged_steps(schedule)]
        line = Timeline(slots, slots_ns, lambda before, slot: slot.words(before), PadSlot())
        return line.program(where, limit)

    places = sorted(builder.place_slots().items())
    named = f"chip {schedule.chip}"
    loads, sends = _ilp_actions(schedule)
    collects, counts = _olp_actions(schedule, mapping, slots_ns)
    return ChipProgram(
        chip=schedule.chip,
        slots_ns=slots_ns,
        steps=len(schedule.steps),
        tiles=tuple(
            TileProgram(site=site, program=tile_program(f"{named}, tile {tuple(site)}", slots))
            for site, slots in places
        ),
        ilps=tuple(
            PadProgram(pad=pad, program=pad_program(f"{named}, ILP {pad}", sends[pad])) for pad in sorted(sends)
        ),
        olps=tuple(
            PadProgram(pad=pad, program=pad_program(f"{named}, OLP {pad}", counts[pad])) for pad in sorted(counts)
        ),
        loads=loads,
        collects=collects,
    )


def _one(where: str, steps: list[int], actions: dict[int, PadSlot]) -> PadSlot:
    found = [actions[step] for step in steps if step in actions]
    if len(found) > 1:
        raise CapacityError(
            f"{where}: {len(found)} vectors of overlapping frames fall into one time step, 1 can be handled",
            "Route without overlap (interval_steps = number of steps)",
        )
    return found[0] if found else PadSlot()


def _ilp_actions(schedule: ChipSchedule) -> tuple[tuple[Load, ...], dict[int, dict[int, PadSlot]]]:
    loads: dict[tuple[int, str, int, int], Load] = {}
    sends: dict[int, dict[int, PadSlot]] = {}
    for step, content in enumerate(schedule.steps):
        for transfer in content.transfers:
            if transfer.ilp is None or transfer.operand is None:
                continue
            ilp, operand = transfer.ilp, transfer.operand
            key = (ilp, operand.vector, operand.start, operand.stop)
            if key not in loads:
                loads[key] = _load(ilp, operand, step, sum(entry.ilp == ilp for entry in loads.values()))
            sends.setdefault(ilp, {})[step] = PadSlot(START, send_word(loads[key].address, operand.part))
    return tuple(loads.values()), sends


def _load(ilp: int, operand: Operand, step: int, address: int) -> Load:
    _check_address(f"ILP {ilp}", address)
    return Load(ilp=ilp, address=address, vector=operand.vector, start=operand.start, stop=operand.stop, step=step)


def _olp_actions(
    schedule: ChipSchedule, mapping: Mapping, slots_ns: tuple[int, ...]
) -> tuple[tuple[Collect, ...], dict[int, dict[int, PadSlot]]]:
    collects: list[Collect] = []
    counts: dict[int, dict[int, PadSlot]] = {}
    lanes: dict[tuple[int, int], set[str]] = {}
    for step, content in enumerate(schedule.steps):
        for transfer in content.transfers:
            if transfer.olp is None or transfer.group is None:
                continue
            olp = transfer.olp
            known = counts.setdefault(olp, {})
            if step not in known:
                _check_address(f"OLP {olp}", len(known))
            before = known.get(step, PadSlot()).instruction
            address = before["address"] if before else len(known)
            wires = lanes.setdefault((olp, step), set())
            wires |= set(LANE_MASKS[Lane(transfer.lane)])
            known[step] = PadSlot(LISTEN, collect_word(address, slots_ns[step % len(slots_ns)], wires))
            group = mapping.groups[transfer.group]
            collects.append(
                Collect(
                    olp=olp, address=address, group=group.index, columns=group.columns, lane=transfer.lane, step=step
                )
            )
    return tuple(collects), counts


def _check_address(where: str, address: int) -> None:
    if address >= PAD_VECTORS:
        raise CapacityError(
            f"{where}: a frame needs {address + 1} or more vectors, the SRAM holds {PAD_VECTORS}",
            "Put fewer layers on one chip",
        )
