"""A tile: row drivers, device pairs, mirrors; it charges its own capacitors or its south neighbour's.

Shape legend: L lanes, R rows, C columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pcmesh.execution.clocked.activity import Counter
from pcmesh.execution.clocked.capacitors import CapacitorBank
from pcmesh.execution.clocked.clock import Clock
from pcmesh.execution.clocked.mesh import MeshModel
from pcmesh.execution.clocked.noise import ReadNoise
from pcmesh.execution.clocked.signal import PARITIES, PARITY_NAMES, Arrival, Signal
from pcmesh.execution.clocked.voltages import VoltageProbe
from pcmesh.execution.hardware import TileHardware
from pcmesh.hardware import ChipSpec, Site
from pcmesh.hardware.mesh import rows_net
from pcmesh.microcode import Instruction
from pcmesh.physics.units import TICKS_PER_NS


@dataclass(frozen=True)
class _Window:
    """An integration that runs: its settings, when it began, what came, and where the charge goes."""

    word: Instruction
    begin: int
    arrivals: list[Arrival]
    bank: CapacitorBank


class TileModel:
    """One tile in operation.

    Args:
        site: where it is.
        hardware: its cells.
        chip: limits.
        bank: its own capacitors.
        bank_in_use: returns the bank that its columns charge (its own, or the south neighbour's that shares).
        mesh, clock, counter: the chip around it.
        noise: its read noise, or None.
    """

    def __init__(
        self,
        site: Site,
        hardware: TileHardware,
        chip: ChipSpec,
        bank: CapacitorBank,
        bank_in_use: Callable[[], CapacitorBank],
        mesh: MeshModel,
        clock: Clock,
        counter: Counter,
        noise: ReadNoise | None,
    ) -> None:
        self._where, self._site, self._cells, self._chip = f"tile {tuple(site)}", site, hardware.cells, chip
        self._bank, self._bank_in_use = bank, bank_in_use
        self._mesh, self._clock, self._counter, self._noise = mesh, clock, counter, noise
        self._window: _Window | None = None
        mesh.listeners[rows_net(site)].append(self._listen)

    def set_array(self, word: Instruction) -> None:
        """Execute an `array` word: it ends the integration that runs, and may begin one."""
        if self._window is not None:
            if word.values == self._window.word.values:
                return
            self._finish(self._window)
            self._window = None
        if word["integrate"]:
            self._window = self._begin(word)

    def convert(self, word: Instruction) -> None:
        """Execute a `conversion` word: the comparators' pulses leave the columns."""
        ticks = self._bank.convert(word, self._noise)
        if ticks is None:
            return
        widths = torch.zeros((ticks.shape[0], self._chip.wires), dtype=torch.int32)
        widths[:, : ticks.shape[1]] = ticks
        self._counter.add("conversions", ticks.numel(), self._where)
        self._mesh.drive_columns(self._site, Signal.of(f"the columns of {self._where}", widths))

    def _begin(self, word: Instruction) -> _Window:
        rows = self._chip.tile.rows
        if not 1 <= word["rows"] <= rows or not (word["wp1"] or word["wp2"]):
            raise self._clock.refuse(
                self._where, f"integration of {word['rows']} rows (of {rows}) on WP1 {word['wp1']}, WP2 {word['wp2']}"
            )
        if word["bias_ns"] > self._chip.timing.input_max_ns or (word["bias_ns"] and not self._chip.tile.bias_rows):
            raise self._clock.refuse(
                self._where,
                f"bias rows for {word['bias_ns']} ns; the tile has {self._chip.tile.bias_rows} of them and the longest "
                f"pulse is {self._chip.timing.input_max_ns} ns",
            )
        live = self._mesh.live(rows_net(self._site))
        if live is not None:
            raise self._clock.refuse(
                self._where,
                f"integration starts while the pulse of {live.signal.source} on wire "
                f"{live.late_wire(self._clock.now)} is high",
            )
        bank = self._bank_in_use()
        bank.begin()
        return _Window(word, self._clock.now, [], bank)

    def _listen(self, arrival: Arrival) -> None:
        if self._window is not None:
            self._window.arrivals.append(arrival)

    def _finish(self, window: _Window) -> None:
        word, bank = window.word, window.bank
        if bank is not self._bank_in_use():
            raise self._clock.refuse(self._where, "the sharing of capacitors is switched during an integration")
        bias_end = window.begin + word["bias_ns"] * TICKS_PER_NS
        if bias_end > self._clock.now:
            raise self._clock.refuse(self._where, "the bias rows are still on when the integration ends")
        widths = self._widths(window)
        pairs = tuple(pair for pair in (1, 2) if word[f"wp{pair}"])
        self._count(window, widths, len(pairs))
        charge, current, noise = self._integrate(word, pairs, widths, bank)
        if bank.probe is not None:
            self._probe(bank.probe, window, pairs)
        bank.end(pairs, charge, current, noise)

    def _probe(self, probe: VoltageProbe, window: _Window, pairs: tuple[int, ...]) -> None:
        """Tell a probe what had been integrated at some times of the window."""
        times = probe.times(window.begin, self._clock.now)
        found = [self._charge(window.word, pairs, self._widths(window, until)) for until in times]
        charge, current = (torch.stack(parts)[:, probe.lane] for parts in zip(*found, strict=True))
        name = f"{'-' if window.word['polarity'] else '+'}x on {' and '.join(f'WP{pair}' for pair in pairs)}"
        probe.charged(name, times, charge, current)

    def _count(self, window: _Window, widths: torch.Tensor, pairs: int) -> None:
        columns, rows = widths.shape[0] * self._chip.tile.columns, window.word["rows"]
        counts = {
            "row_ns": int(widths[:, :rows].sum()) * pairs / TICKS_PER_NS,
            "bias_row_ns": int(widths[:, rows:].sum()) * pairs / TICKS_PER_NS,
            "column_integrations": columns,
            "column_ns": columns * (self._clock.now - window.begin) / TICKS_PER_NS,
        }
        for kind, count in counts.items():
            self._counter.add(kind, count, self._where, window.begin // TICKS_PER_NS)

    def _widths(self, window: _Window, until: int | None = None) -> torch.Tensor:
        """Return the pulse widths at the rows in use and the bias rows, (L, R') float64; until a tick, where given."""
        rows, bias = window.word["rows"], self._chip.tile.bias_rows
        if not window.arrivals:
            self._undriven("its rows listen", rows)
        lanes = window.arrivals[0].signal.widths.shape[0]
        widths = torch.zeros((lanes, rows + bias), dtype=torch.float64)
        for parity in PARITIES[: min(rows, 2)]:
            found = [arrival for arrival in window.arrivals if parity in arrival.parities]
            if not found:
                self._undriven(f"its {PARITY_NAMES[parity]} rows listen", rows)
            for arrival in found:
                if arrival.falls[parity] > self._clock.now:
                    wire = arrival.late_wire(self._clock.now)
                    raise self._clock.refuse(
                        self._where,
                        f"the pulse of {arrival.signal.source} on wire {wire} is still high when the integration ends",
                    )
                widths[:, parity:rows:2] += _so_far(arrival.widths(), arrival.rise, until)[:, parity:rows:2]
        always = torch.tensor([window.word["bias_ns"] * TICKS_PER_NS])
        widths[:, rows:] = _so_far(always, window.begin, until)
        return widths

    def _undriven(self, who: str, rows: int) -> None:
        raise self._clock.refuse(
            self._where,
            f"{who} to wires 0 to {rows - 1} of its west edge, but no borderguard or landing pad drove them",
            "Check the route of that time step",
        )

    def _integrate(
        self, word: Instruction, pairs: tuple[int, ...], widths: torch.Tensor, bank: CapacitorBank
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Return charge and current (L, C) int64, and the noise of the charge."""
        noise: torch.Tensor | None = None
        for pair in pairs:
            if self._noise is not None:
                name = f"{bank.phase}/{pair}"
                variance = self._used(word, self._cells.variance[pair - 1])
                drawn = self._noise.charge(bank.frame, name, widths, variance)
                noise = drawn if noise is None else noise + drawn
        return *self._charge(word, pairs, widths), noise

    def _charge(
        self, word: Instruction, pairs: tuple[int, ...], widths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return charge and current of pulses, (L, C) int64."""
        index, sign = (1, -1) if word["polarity"] else (0, 1)
        shape = (widths.shape[0], self._chip.tile.columns)
        charge, current = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
        for pair in pairs:
            # Products of integers in float64 stay below 2^53: exact in any order.
            charge += sign * (widths @ self._used(word, self._cells.charge[pair - 1, index]).to(torch.float64))
            current += widths @ self._used(word, self._cells.current[pair - 1]).to(torch.float64)
        return charge.to(torch.int64), current.to(torch.int64)

    def _used(self, word: Instruction, cells: torch.Tensor) -> torch.Tensor:
        """Return the rows in use and the bias rows of (R, C) cells."""
        return torch.cat([cells[: word["rows"]], cells[self._chip.tile.rows :]])


def _so_far(widths: torch.Tensor, rise: int, until: int | None) -> torch.Tensor:
    """Return how much of each pulse that rises at a tick has passed until another."""
    return widths if until is None else widths.clamp(max=max(until - rise, 0))
