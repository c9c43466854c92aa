"""A controller: fetches words from its SRAM, waits, jumps and loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pcmesh.execution.clocked.activity import Counter
from pcmesh.execution.clocked.clock import CONTROL, Clock
from pcmesh.microcode import ControllerProgram, Instruction
from pcmesh.physics.units import TICKS_PER_NS

Bank = Callable[[Instruction], None]


class Controller:
    """Executes a program from address 0; each kind of `set` word goes to its bank."""

    def __init__(
        self,
        where: str,
        program: ControllerProgram,
        banks: Mapping[str, Bank],
        clock: Clock,
        counter: Counter,
        sram_words: int,
    ) -> None:
        self.where = where
        self.address = 0
        self._words = program.instructions
        self._banks, self._clock, self._counter = banks, clock, counter
        self._left: dict[int, int] = {}
        self.on_fetch: Callable[[str, int], None] | None = None
        if len(self._words) > sram_words:
            raise clock.refuse(where, f"the program has {len(self._words)} words, the SRAM {sram_words}")
        if self._words:
            clock.at(0, CONTROL, self._fetch)

    def _fetch(self) -> None:
        if self.address >= len(self._words):
            last = len(self._words) - 1
            raise self._clock.refuse(self.where, f"fetch from address {self.address}, the last word is at {last}")
        word = self._words[self.address]
        self._counter.add("fetches", self._counter.lanes, self.where)
        if self.on_fetch is not None:
            self.on_fetch(self.where, self.address)
        following = self._next(word)
        if word.form.mode == _SET_MODE:
            bank = self._banks.get(word.kind)
            if bank is None:
                raise self._clock.refuse(self.where, f"there is no bank {word.kind!r} here (address {self.address})")
            bank(word)
        if following is not None:
            self.address = following
            self._clock.at(self._clock.now + (1 + word.wait) * TICKS_PER_NS, CONTROL, self._fetch)

    def _next(self, word: Instruction) -> int | None:
        if word.kind == "halt":
            return None
        if word.kind == "jump":
            return word["to"]
        if word.kind == "loop":
            left = self._left.pop(self.address, word["count"])
            if left:
                self._left[self.address] = left - 1
                return word["to"]
        return self.address + 1


_SET_MODE = Instruction("mesh").form.mode
