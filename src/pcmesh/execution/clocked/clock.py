"""Time: events in the order of ticks (1/256 ns), and where and when something went wrong."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from pcmesh.errors import HardwareError
from pcmesh.physics.units import TICKS_PER_NS

CONTROL, HOST, PULSE = range(3)
"""Order of events of one tick: controllers switch first, then the host writes, then pulses arrive."""


class Clock:
    """An event queue; `now` is in ticks."""

    def __init__(self) -> None:
        self.now = 0
        self._queue: list[tuple[int, int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    @property
    def cycle(self) -> int:
        """The cycle (1 ns) that runs."""
        return self.now // TICKS_PER_NS

    def at(self, ticks: int, kind: int, action: Callable[[], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self._queue, (ticks, kind, next(self._order), action))

    def run(self, until: int) -> None:
        """Handle all events before `until` (ticks)."""
        while self._queue and self._queue[0][0] < until:
            self.now, _, _, action = heapq.heappop(self._queue)
            action()
        self.now = until

    def refuse(self, where: str, problem: str, remedy: str = "") -> HardwareError:
        """Return the error of something that the hardware must not do, with the place and the cycle."""
        return HardwareError(f"{where}, cycle {self.cycle}: {problem}", remedy)
