"""Faults injected into microcode: dropped words, flipped mask bits, wrong waits, routes over wires in use."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pcmesh.hardware import Site
from pcmesh.hardware.mesh import Guard, Mesh, Net
from pcmesh.microcode import ChipProgram, ControllerProgram, Instruction
from pcmesh.routing import ChipSchedule, Hop, Side, Transfer

SIDES = ("north", "south", "west", "east")
WRONG_BY_NS = 150
_FIELDS = ("tiles", "ilps", "olps")


@dataclass(frozen=True)
class Mutant:
    kind: str
    controller: str
    address: int
    program: ChipProgram
    equivalent: str = ""
    """Why the chip may do the same, where it may."""


def mutants(program: ChipProgram) -> Iterator[Mutant]:
    """Yield every fault of every word of every controller."""
    for field in _FIELDS:
        for number, entry in enumerate(getattr(program, field)):
            words = entry.program.instructions
            for address, word in enumerate(words):
                for kind, changed, reason in _faults(words, address, word):
                    made = (*words[:address], changed, *words[address + 1 :])
                    yield Mutant(
                        kind,
                        f"{field} {getattr(entry, 'site', number)}",
                        address,
                        _with(program, field, number, made),
                        reason,
                    )


def _faults(words, address, word) -> Iterator[tuple[str, Instruction, str]]:
    ends = address + 1 < len(words) and words[address + 1].kind == "halt"
    if word.kind not in ("jump", "halt"):
        yield "dropped word", Instruction("jump", word.wait, {"to": address + 1}), _dropped(words, address, word)
    if word.kind != "halt" and not ends:
        yield "wrong wait", replace(word, wait=word.wait + WRONG_BY_NS), ""
    if word.kind == "mesh":
        yield from _mesh_faults(word)
    if word.kind == "collect":
        for wires in ("even", "odd"):
            if word[wires]:
                yield "flipped mask bit", _flipped(word, wires), ""


def _mesh_faults(word: Instruction) -> Iterator[tuple[str, Instruction, str]]:
    for side in (*SIDES, "columns"):
        for wires in ("even", "odd"):
            if word[f"{side}_{wires}"]:
                yield "flipped mask bit", _flipped(word, f"{side}_{wires}"), ""


def _dropped(words, address: int, word: Instruction) -> str:
    if word.kind == "mesh":
        before = next((w for w in (*words[:address][::-1], *words[address:][::-1]) if w.kind == "mesh"), word)
        opens = any(word[name] and word[name] != before[name] for name in word.values)
        return "" if opens and before is not word else "leaves a route as it was; nothing else uses those wires"
    if word.kind == "array" and not word["integrate"]:
        return "the next array word ends the integration"
    return ""


def _flipped(word: Instruction, name: str) -> Instruction:
    values = {**word.values, name: 1 - word[name]}
    return replace(word, values={key: value for key, value in values.items() if value})


def _with(program: ChipProgram, field: str, number: int, words: tuple[Instruction, ...]) -> ChipProgram:
    entries = list(getattr(program, field))
    entries[number] = entries[number].model_copy(update={"program": ControllerProgram.of(words)})
    return program.model_copy(update={field: tuple(entries)})


def crossing_routes(schedule: ChipSchedule, mesh: Mesh) -> Iterator[ChipSchedule]:
    """Yield the schedule with further hops of one transfer: over free wires onto a net that is already in use."""
    for number, step in enumerate(schedule.steps):
        taken = {(hop.site, str(hop.side)) for transfer in step.transfers for hop in transfer.hops}
        used = {net for transfer in step.transfers for net in _nets(transfer, mesh)}
        for place, transfer in enumerate(step.transfers):
            for way in _ways(mesh, _nets(transfer, mesh), used, taken):
                hops = [Hop(site=guard.site, side=Side(guard.side), direction=guard.direction) for guard in way]
                longer = transfer.model_copy(update={"hops": (*transfer.hops, *hops)})
                transfers = (*step.transfers[:place], longer, *step.transfers[place + 1 :])
                changed = step.model_copy(update={"transfers": transfers})
                steps = (*schedule.steps[:number], changed, *schedule.steps[number + 1 :])
                yield schedule.model_copy(update={"steps": steps})


def _ways(mesh: Mesh, start: set[Net], used: set[Net], taken: set[tuple[Site, str]]) -> Iterator[list[Guard]]:
    """Yield, from each of a transfer's nets, a shortest free way to a net in use."""
    for first in sorted(start):
        ways: dict[Net, list[Guard]] = {first: []}
        queue = deque([first])
        found = None
        while queue and found is None:
            net = queue.popleft()
            sides = taken | {(other.site, other.side) for other in ways[net]}
            for guard in mesh.listeners[net]:
                if (guard.site, guard.side) in sides or guard.target in ways:
                    continue
                ways[guard.target] = [*ways[net], guard]
                if guard.target in used:
                    found = ways[guard.target]
                    break
                if guard.target not in start:
                    queue.append(guard.target)
        if found is not None:
            yield found


def _nets(transfer: Transfer, mesh: Mesh) -> set[Net]:
    hops = {(hop.site, str(hop.side), hop.direction) for hop in transfer.hops}
    guards = [guard for guard in mesh.guards if (guard.site, guard.side, guard.direction) in hops]
    return {net for guard in guards for net in (guard.source, guard.target)}
