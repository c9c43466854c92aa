"""The mesh in operation: borderguards, pulses on nets, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch

from pcmesh.execution.clocked.activity import Counter
from pcmesh.execution.clocked.clock import PULSE, Clock
from pcmesh.execution.clocked.signal import PARITIES, PARITY_NAMES, Arrival, Signal
from pcmesh.hardware import ChipSpec, Pad, Site
from pcmesh.hardware.mesh import Guard, Mesh, Net, columns_net
from pcmesh.microcode import Instruction
from pcmesh.physics.fabrication import Instance, wire_shifts
from pcmesh.physics.units import TICKS_PER_NS

_SIDES = {"N": "north", "S": "south", "W": "west", "E": "east"}
_DIRECTIONS = ("blocked", "in", "out")

Listener = Callable[[Arrival], None]


class MeshModel:
    """All nets and borderguards of one chip; nothing is connected at power-up."""

    def __init__(self, chip: ChipSpec, instance: Instance, clock: Clock, counter: Counter) -> None:
        self._mesh = Mesh(chip.grid)
        self._guards_of: dict[Site, list[Guard]] = {guard.site: [] for guard in self._mesh.guards}
        for guard in self._mesh.guards:
            self._guards_of[guard.site].append(guard)
        self._clock, self._counter = clock, counter
        self._delay = round(chip.mesh.hop_delay_ns * TICKS_PER_NS)
        self._live: dict[tuple[Net, int], tuple[Arrival, str]] = {}
        self._open: dict[tuple[Site, str], tuple[str, tuple[int, ...]]] = {}
        self._columns: dict[Site, tuple[int, ...]] = {}
        self._column_site = {columns_net(site): site for site in chip.grid.sites}
        self._no_shift = torch.zeros(chip.wires, dtype=torch.int32)
        self.listeners: dict[Net, list[Listener]] = {net: [] for net in self._mesh.nets}
        self.on_arrival: Callable[[Net, Arrival], None] | None = None

        @cache
        def shift(site: Site, port: str) -> torch.Tensor:
            return wire_shifts(chip, instance, site, port)

        self._shift = shift

    def pad(self, pad: Pad) -> Net:
        """Return the rim net of a landing pad."""
        return self._mesh.pad(pad)

    def live(self, net: Net) -> Arrival | None:
        """Return a signal that is high on some wire of a net."""
        return next((found for parity in PARITIES if (found := self._high(net, parity))), None)

    def configure(self, site: Site, word: Instruction) -> None:
        """Switch the borderguards of a place, and which of its columns drive the south edge."""
        for guard in self._guards_of[site]:
            if guard.direction == "in":
                self._switch(guard, word)
        for guard in self._guards_of[site]:
            for parity in self._passed(guard):
                self._refuse_new_driver(guard.target, parity, _name(guard))
        columns = tuple(p for p in PARITIES if word[f"columns_{PARITY_NAMES[p]}"])
        before = self._columns.get(site, ())
        self._columns[site] = columns
        for parity in set(columns) ^ set(before):
            self._refuse_high(columns_net(site), parity, f"tile {tuple(site)}: its columns' output is switched")

    def drive(self, net: Net, driver: str, signal: Signal, parities: tuple[int, ...]) -> None:
        """Let a source (landing pad or columns) drive a net now."""
        self._arrive(net, driver, Arrival.of(signal, parities, self._no_shift, self._clock.now))

    def drive_columns(self, site: Site, signal: Signal) -> None:
        """Let a tile's columns drive the wires of its south edge that are enabled."""
        parities = self._columns.get(site, ())
        if parities:
            self.drive(columns_net(site), _columns_name(site), signal, parities)

    def _switch(self, guard: Guard, word: Instruction) -> None:
        side = _SIDES[guard.side]
        direction = _DIRECTIONS[word[side]]
        passed = tuple(p for p in PARITIES if direction != "blocked" and word[f"{side}_{PARITY_NAMES[p]}"])
        before = self._open.get((guard.site, guard.side), ("blocked", ()))
        after = (direction if passed else "blocked", passed)
        self._open[guard.site, guard.side] = after
        for parity in PARITIES:
            for way, net in (("in", guard.source), ("out", guard.target)):
                was, is_now = (state[0] == way and parity in state[1] for state in (before, after))
                if was != is_now:
                    self._refuse_high(net, parity, f"place {tuple(guard.site)}: its {side} borderguard is switched")

    def _refuse_high(self, net: Net, parity: int, action: str) -> None:
        found = self._high(net, parity)
        if found is not None:
            wire = found.late_wire(self._clock.now)
            raise self._clock.refuse(
                _net_name(net), f"{action} while the pulse of {found.signal.source} on wire {wire} is still high"
            )

    def _refuse_new_driver(self, net: Net, parity: int, driver: str) -> None:
        entry = self._live.get((net, parity))
        if entry is not None and entry[1] != driver and self._high(net, parity):
            self._contention(net, parity, driver, entry[1])

    def _high(self, net: Net, parity: int) -> Arrival | None:
        entry = self._live.get((net, parity))
        return entry[0] if entry is not None and entry[0].falls[parity] > self._clock.now else None

    def _passed(self, guard: Guard) -> tuple[int, ...]:
        direction, parities = self._open.get((guard.site, guard.side), ("blocked", ()))
        return parities if direction == guard.direction else ()

    def _drivers(self, net: Net, parity: int) -> list[str]:
        found = [_name(guard) for guard in self._mesh.drivers[net] if parity in self._passed(guard)]
        site = self._column_site.get(net)
        if site is not None and parity in self._columns.get(site, ()):
            found.append(_columns_name(site))
        return found

    def _arrive(self, net: Net, driver: str, arrival: Arrival) -> None:
        for parity in arrival.parities:
            other = next((name for name in self._drivers(net, parity) if name != driver), None)
            if other is not None:
                self._contention(net, parity, driver, other)
            self._refuse_high(net, parity, f"a pulse of {arrival.signal.source} arrives")
            self._live[net, parity] = (arrival, driver)
        pulses = sum(arrival.signal.pulses[parity] for parity in arrival.parities)
        self._counter.add("net_pulses", pulses, arrival.signal.source)
        if self.on_arrival is not None:
            self.on_arrival(net, arrival)
        for listen in self.listeners[net]:
            listen(arrival)
        for guard in self._mesh.listeners[net]:
            passed = tuple(parity for parity in self._passed(guard) if parity in arrival.parities)
            if passed:
                self._pass(guard, arrival, passed)

    def _pass(self, guard: Guard, arrival: Arrival, parities: tuple[int, ...]) -> None:
        shift = arrival.shift + self._shift(guard.site, f"{guard.side}{guard.direction}")
        pulses = sum(arrival.signal.pulses[parity] for parity in parities)
        self._counter.add("hop_pulses", pulses, arrival.signal.source)
        there = Arrival.of(arrival.signal, parities, shift, arrival.rise + self._delay)
        self._clock.at(there.rise, PULSE, lambda: self._arrive(guard.target, _name(guard), there))

    def _contention(self, net: Net, parity: int, one: str, other: str) -> None:
        raise self._clock.refuse(
            _net_name(net),
            f"two drivers on the {PARITY_NAMES[parity]} wires ({parity}, {parity + 2}, ...): {one} and {other}",
            "Route the vectors over other nets or in different time steps",
        )


def _name(guard: Guard) -> str:
    return f"the {_SIDES[guard.side]} borderguard ({guard.direction}) of place {tuple(guard.site)}"


def _columns_name(site: Site) -> str:
    return f"the columns of tile {tuple(site)}"


def _net_name(net: Net) -> str:
    return f"net {net.kind} ({net.row}, {net.column})"
