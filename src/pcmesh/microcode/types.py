"""What the code generator makes: the programs of all controllers, and where operands and results lie."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import Annotated

from pydantic import Field, StringConstraints

from pcmesh.files.artefact import Artefact, check
from pcmesh.hardware import ChipSpec, Site
from pcmesh.mapping import Lane
from pcmesh.microcode.instruction import Instruction, decode, encode

PAD_VECTORS = 32
"""Vectors that the SRAM of a landing pad holds (paper: Methods, power measurements: 32 fill the ILP's)."""


class ControllerProgram(Artefact):
    """A controller's program as it lies in its SRAM: 128-bit words in hexadecimal."""

    words: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")], ...]

    @classmethod
    def of(cls, instructions: tuple[Instruction, ...]) -> ControllerProgram:
        """Encode instructions."""
        return cls(words=tuple(f"{encode(entry):032x}" for entry in instructions))

    @cached_property
    def instructions(self) -> tuple[Instruction, ...]:
        """The decoded words."""
        return tuple(decode(int(word, 16)) for word in self.words)


class TileProgram(Artefact):
    """The program of the local controller at a grid place."""

    site: Site
    program: ControllerProgram


class PadProgram(Artefact):
    """The program of a landing pad, by its index in `chip.grid.ilps` or `olps`."""

    pad: int
    program: ControllerProgram


class Load(Artefact):
    """The host writes a slice of a vector into an ILP's SRAM before time step `step` of each frame."""

    ilp: int
    address: int = Field(ge=0)
    vector: str
    start: int
    stop: int
    step: int


class Collect(Artefact):
    """The host reads a group's codes from an OLP's SRAM after time step `step` of each frame."""

    olp: int
    address: int = Field(ge=0)
    group: int
    columns: int
    lane: Lane
    step: int


class ChipProgram(Artefact):
    """Everything that one chip needs to run a network's frames.

    `slots_ns` are the lengths of the time steps from one frame to the next; a frame has `steps` of them, and may go on
    into the next one's.
    """

    chip: int
    slots_ns: tuple[int, ...]
    steps: int
    tiles: tuple[TileProgram, ...]
    ilps: tuple[PadProgram, ...]
    olps: tuple[PadProgram, ...]
    loads: tuple[Load, ...]
    collects: tuple[Collect, ...]

    @property
    def interval_steps(self) -> int:
        """Time steps from one frame to the next."""
        return len(self.slots_ns)

    def start_ns(self, step: int) -> int:
        """Return when a time step starts, counted from the first frame's first one."""
        intervals, rest = divmod(step, len(self.slots_ns))
        return intervals * sum(self.slots_ns) + sum(self.slots_ns[:rest])

    def slot_at(self, cycle: int) -> int:
        """Return which time step of the interval runs in a cycle."""
        ends = list(accumulate(self.slots_ns))
        return bisect_right(ends, cycle % ends[-1])

    def tile(self, site: Site) -> ControllerProgram:
        """Return the program at a place (without words where the place is not in use)."""
        return next((entry.program for entry in self.tiles if entry.site == site), ControllerProgram(words=()))

    @property
    def programs(self) -> tuple[tuple[str, ControllerProgram], ...]:
        """All programs with their controllers' names."""
        named = [(f"tile {tuple(tile.site)}", tile.program) for tile in self.tiles]
        named += [(f"ILP {pad.pad}", pad.program) for pad in self.ilps]
        return (*named, *((f"OLP {pad.pad}", pad.program) for pad in self.olps))


class Microcode(Artefact):
    """The programs of all chips."""

    chips: tuple[ChipProgram, ...]

    @property
    def words(self) -> int:
        """Words of all controllers."""
        return sum(len(program.words) for chip in self.chips for _, program in chip.programs)

    def verify(self, chip: ChipSpec) -> None:
        """Check that programs fit their SRAM, that jumps stay inside and that pads' addresses exist.

        Raises:
            VerificationError: naming the chip and the controller.
            InputError: a word is no instruction.
        """
        for entry in self.chips:
            for name, program in entry.programs:
                where = f"chip {entry.chip}, {name}"
                check(len(program.words) <= chip.controller.sram_words, f"{where}: the program exceeds the SRAM")
                jumps = [word["to"] for word in program.instructions if word.kind in ("jump", "loop")]
                check(all(to < len(program.words) for to in jumps), f"{where}: a jump leaves the program")
            addresses = [use.address for use in entry.loads] + [use.address for use in entry.collects]
            check(max(addresses, default=0) < PAD_VECTORS, f"chip {entry.chip}: a landing pad's address is beyond")
