"""From instructions at cycles to a program: waits, the loop of the steady state, the SRAM's limit.

Frames follow each other every interval. Where a frame is longer than the interval, its last steps run beside the first
steps of the next frame: the program then has a prologue (the first frame, without a frame before it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pcmesh.errors import CapacityError
from pcmesh.microcode.instruction import Instruction
from pcmesh.microcode.types import ControllerProgram

State = TypeVar("State")
Timed = tuple[int, Instruction]
Words = Callable[["tuple[State, ...]", State], "list[Timed]"]


class Timeline(Generic[State]):
    """The slots of one controller: what it does in each time step.

    Args:
        slots: prologue slots, then the slots of one interval in the steady state.
        slots_ns: length of each slot of an interval, cycles.
        words: (possible states before, state) -> instructions with their cycle inside the slot; it emits only what
            changes from any of the states before.
        idle: the state at power-up.
    """

    def __init__(self, slots: Sequence[State], slots_ns: Sequence[int], words: Words[State], idle: State) -> None:
        interval = len(slots_ns)
        self._prologue = list(slots[:-interval])
        self._body = list(slots[-interval:])
        self._slots_ns, self._words, self._idle = tuple(slots_ns), words, idle
        repeated = self._body * (len(self._prologue) // interval)
        if self._prologue == repeated:
            self._prologue = []

    def program(self, where: str, sram_words: int) -> ControllerProgram:
        """Return the program; empty where the controller never has anything to do.

        Raises:
            CapacityError: the program exceeds the SRAM; says by how much.
        """
        instructions = self._instructions()
        if len(instructions) > sram_words:
            raise CapacityError(
                f"{where}: the program needs {len(instructions)} words, the SRAM has {sram_words} "
                f"({len(instructions) - sram_words} too many)",
                "Use fewer time steps (fewer layers on one chip) or a chip with larger controller.sram_words",
            )
        return ControllerProgram.of(instructions)

    def _instructions(self) -> tuple[Instruction, ...]:
        start = self._idle
        first = self._emit((start,), self._prologue)
        before_body = self._prologue[-1] if self._prologue else start
        repeats = self._emit((self._body[-1],), self._body)
        if not repeats:
            body = first + _later(self._emit((before_body,), self._body), self._start(len(self._prologue)))
            return _sequence(body, None, 0) if body else ()
        body = self._emit((before_body, self._body[-1]), self._body)
        return _sequence(
            first + _later(body, self._start(len(self._prologue))),
            len(first),
            sum(self._slots_ns),
        )

    def _emit(self, before: tuple[State, ...], slots: Sequence[State]) -> list[Timed]:
        found: list[Timed] = []
        for number, state in enumerate(slots):
            found += _later(self._words(before, state), self._start(number))
            before = (state,)
        return found

    def _start(self, number: int) -> int:
        intervals, rest = divmod(number, len(self._slots_ns))
        return intervals * sum(self._slots_ns) + sum(self._slots_ns[:rest])


def _later(words: list[Timed], cycles: int) -> list[Timed]:
    return [(cycle + cycles, word) for cycle, word in words]


def _sequence(words: list[Timed], repeat_from: int | None, interval_ns: int) -> tuple[Instruction, ...]:
    """Turn instructions at cycles into words with waits; `repeat_from` is the first word of the steady state."""
    done: list[Instruction] = []
    start = words[0][0]
    if start:
        done.append(Instruction("jump", start - 1, {"to": 1}))
    lead = len(done)
    for (cycle, word), following in zip(words, [*words[1:], None], strict=True):
        wait = following[0] - cycle - 1 if following else 0
        done.append(Instruction(word.kind, wait, word.values))
    if repeat_from is None:
        return (*done, Instruction("halt"))
    wrap = interval_ns - (words[-1][0] - words[repeat_from][0])
    return (*done, Instruction("jump", wrap - 2, {"to": lead + repeat_from}))
