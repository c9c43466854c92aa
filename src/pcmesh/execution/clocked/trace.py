"""VCD traces of a run: controllers, borderguards, selected wires, ramps and time steps, for GTKWave."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

from vcd import VCDWriter

from pcmesh.execution.clocked.clock import Clock
from pcmesh.execution.clocked.controller import Bank
from pcmesh.execution.clocked.mesh import MeshModel
from pcmesh.execution.clocked.signal import Arrival
from pcmesh.files.writing import whole_file
from pcmesh.hardware.mesh import Net
from pcmesh.microcode import ChipProgram, Instruction
from pcmesh.physics.units import TICKS_PER_NS

_PS_PER_NS = 1000


class Trace:
    """Records a run.

    Args:
        wires: which wires of each net to record.
        nets: only these nets; None: all that carry a pulse.
        lane: whose pulses.
    """

    def __init__(self, wires: Sequence[int] = (0,), nets: Container[Net] | None = None, lane: int = 0) -> None:
        self._wires, self._nets, self._lane = tuple(wires), nets, lane
        self._clock: Clock | None = None
        self._changes: list[tuple[int, str, str, int, int]] = []
        self._program: ChipProgram | None = None

    def attach(self, clock: Clock, mesh: MeshModel, program: ChipProgram) -> None:
        """Start recording a chip; the chip does that."""
        self._clock = clock
        self._program = program
        mesh.on_arrival = self._arrival

    def watched(self, where: str, banks: Mapping[str, Bank]) -> dict[str, Bank]:
        """Return banks that record their words."""
        return {kind: self._watch(where, kind, bank) for kind, bank in banks.items()}

    def fetched(self, where: str, address: int) -> None:
        """Record the address from which a controller fetches."""
        assert self._clock is not None
        self._changes.append((self._clock.now, _identifier(where), "address", 16, address))

    def write(self, path: Path) -> None:
        """Write everything recorded as a VCD file.

        Raises:
            InputError: the file cannot be written.
        """
        end = max((ticks for ticks, *_ in self._changes), default=0)
        changes = sorted(self._changes + list(self._steps(end)), key=lambda change: change[0])
        with (
            whole_file(path) as temporary,
            temporary.open("w", encoding="ascii") as stream,
            VCDWriter(stream, timescale="1 ps", date="") as writer,
        ):
            variables = {
                (scope, name): writer.register_var(scope, name, "wire", size=size, init=0)
                for scope, name, size in sorted({(scope, name, size) for _, scope, name, size, _ in changes})
            }
            for ticks, scope, name, _, value in changes:
                writer.change(variables[scope, name], round(ticks * _PS_PER_NS / TICKS_PER_NS), value)

    def _steps(self, end: int) -> Iterator[tuple[int, str, str, int, int]]:
        """Yield the beginnings of the time steps up to a tick."""
        if self._program is None:
            return
        for number in count():
            start = self._program.start_ns(number) * TICKS_PER_NS
            if start > end:
                return
            yield start, "chip", "step", 16, number

    def _watch(self, where: str, kind: str, bank: Bank) -> Bank:
        scope = _identifier(where)

        def recorded(word: Instruction) -> None:
            assert self._clock is not None
            for field in word.form.fields:
                change = (self._clock.now, scope, f"{kind}_{field.name}", field.width, word[field.name])
                self._changes.append(change)
            bank(word)

        return recorded

    def _arrival(self, net: Net, arrival: Arrival) -> None:
        if self._nets is not None and net not in self._nets:
            return
        for wire in self._wires:
            if wire % 2 not in arrival.parities:
                continue
            width = int(arrival.widths()[self._lane, wire])
            if width:
                scope = f"net_{net.kind}_{net.row}_{net.column}"
                self._changes.append((arrival.rise, scope, f"wire_{wire}", 1, 1))
                self._changes.append((arrival.rise + width, scope, f"wire_{wire}", 1, 0))


def _identifier(where: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in where).strip("_").replace("__", "_")
