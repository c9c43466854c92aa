"""Landing pads: SRAM to pulses (ILP), pulses to counts (OLP)."""

from __future__ import annotations

import torch

from pcmesh.execution.clocked.activity import Counter
from pcmesh.execution.clocked.clock import CONTROL, Clock
from pcmesh.execution.clocked.mesh import MeshModel
from pcmesh.execution.clocked.signal import PARITIES, PARITY_NAMES, Arrival, Signal
from pcmesh.hardware import TimingSpec
from pcmesh.hardware.mesh import Net
from pcmesh.microcode import PAD_VECTORS, Instruction
from pcmesh.physics.pulse import olp_codes
from pcmesh.physics.units import TICKS_PER_NS


class InputPad:
    """An ILP: sends the positive or the negative part of a vector in its SRAM as pulses on all wires."""

    def __init__(self, where: str, net: Net, mesh: MeshModel, clock: Clock, counter: Counter) -> None:
        self._where, self._net, self._mesh, self._clock, self._counter = where, net, mesh, clock, counter
        self._sram: dict[int, torch.Tensor] = {}

    def write(self, address: int, ticks: torch.Tensor) -> None:
        """Store signed pulse lengths (L, W) int32; the host does that."""
        _check_address(self._where, address, self._clock)
        self._sram[address] = ticks

    def send(self, word: Instruction) -> None:
        """Execute a `send` word."""
        _check_address(self._where, word["address"], self._clock)
        vector = self._sram.get(word["address"])
        if vector is None:
            raise self._clock.refuse(self._where, f"address {word['address']} is sent before the host wrote it")
        signal = Signal.of(self._where, (-vector if word["part"] else vector).clamp_min(0))
        self._counter.add("ilp_pulses", sum(signal.pulses), self._where)
        self._mesh.drive(self._net, self._where, signal, PARITIES)


class OutputPad:
    """An OLP: 512 counters and falling-edge detectors on the preset chip."""

    def __init__(
        self, where: str, net: Net, mesh: MeshModel, clock: Clock, counter: Counter, timing: TimingSpec, period: float
    ) -> None:
        self._where, self._net, self._mesh, self._clock, self._counter = where, net, mesh, clock, counter
        self._timing, self._period = timing, period
        self._word: Instruction | None = None
        self._arrivals: list[Arrival] = []
        self.sram: dict[int, list[torch.Tensor]] = {}
        mesh.listeners[net].append(self._listen)

    def collect(self, word: Instruction) -> None:
        """Execute a `collect` word: count until its window ends."""
        _check_address(self._where, word["address"], self._clock)
        if self._word is not None:
            raise self._clock.refuse(self._where, "counting is started while the counters still count")
        if self._mesh.live(self._net) is not None:
            raise self._clock.refuse(self._where, "counting is started while a pulse is high")
        self._word, self._arrivals = word, []
        self._clock.at(self._clock.now + word["window"] * TICKS_PER_NS, CONTROL, self._finish)

    def _listen(self, arrival: Arrival) -> None:
        if self._word is not None:
            self._arrivals.append(arrival)

    def _finish(self) -> None:
        word = self._word
        assert word is not None
        counted = torch.full_like(self._empty(word), -1)
        for parity in (p for p in PARITIES if word[PARITY_NAMES[p]]):
            found = [arrival for arrival in self._arrivals if parity in arrival.parities]
            if len(found) != 1:
                raise self._clock.refuse(
                    self._where,
                    f"{len(found)} vectors came on the {PARITY_NAMES[parity]} wires ({parity}, {parity + 2}, ...), "
                    f"one is to be counted into address {word['address']}",
                )
            if found[0].falls[parity] > self._clock.now:
                wire = found[0].late_wire(self._clock.now)
                raise self._clock.refuse(self._where, f"wire {wire} is still high when counting ends")
            codes = olp_codes(found[0].widths()[:, parity::2], self._period, self._timing)
            counted[:, parity::2] = codes
            self._counter.add("olp_counts", codes.numel(), self._where)
        self.sram.setdefault(word["address"], []).append(counted)
        self._word = None

    def _empty(self, word: Instruction) -> torch.Tensor:
        if not self._arrivals:
            raise self._clock.refuse(
                self._where,
                f"no borderguard drives its wires: nothing to count into address {word['address']}",
                "Check the route of that time step",
            )
        return self._arrivals[0].signal.widths


def _check_address(where: str, address: int, clock: Clock) -> None:
    if address >= PAD_VECTORS:
        raise clock.refuse(where, f"address {address} is outside of the SRAM ({PAD_VECTORS} vectors)")
