"""Voltages of a bank of capacitors over time: sampled while it integrates, held, read by the ramp.

Shape legend: T times, C columns.
Source: Ambrogio et al., Nature 620, 768 (2023), Extended Data Fig. 2c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from pcmesh.physics.column import ColumnParameters, capacitor_volts
from pcmesh.physics.units import TICKS_PER_NS


@dataclass(frozen=True)
class Charging:
    """What one tile added to the capacitors in one integration: at ticks (T,), charge and current (T, C) so far."""

    name: str
    times: tuple[int, ...]
    charge: torch.Tensor
    current: torch.Tensor


@dataclass(frozen=True)
class Reading:
    """A conversion: the ticks at which the ramp begins and ends, the columns, the output pulses (C,) in ticks."""

    begin: int
    end: int
    column: ColumnParameters
    pulses: torch.Tensor


@dataclass(frozen=True)
class Window:
    """An integration: what it does, from when to when (ns)."""

    name: str
    begin_ns: float
    end_ns: float


@dataclass(frozen=True)
class Voltages:
    """One use of the capacitors, from the precharge to the end of the ramp.

    Attributes:
        columns: which.
        time_ns: (T,) since the precharge.
        volts: column -> (T,) relative to the precharge.
        integrations: in their order; tiles that charge the bank side by side count as one.
        ramp_ns: when the ramp begins and ends.
        ramp_volts: column -> the voltage that its comparator compares with at these two times.
        pulse_ns: column -> length of its output pulse.
    """

    columns: tuple[int, ...]
    time_ns: tuple[float, ...]
    volts: tuple[tuple[float, ...], ...]
    integrations: tuple[Window, ...]
    ramp_ns: tuple[float, float]
    ramp_volts: tuple[tuple[float, float], ...]
    pulse_ns: tuple[float, ...]


@dataclass
class VoltageProbe:
    """Records what charges one bank of the clocked chip.

    Attributes:
        lane: whose capacitors.
        points: times at which an integration is sampled.
    """

    lane: int = 0
    points: int = 33
    _start: int = 0
    _charged: list[Charging] = field(default_factory=list)
    _readings: list[tuple[int, tuple[Charging, ...], Reading]] = field(default_factory=list)

    def times(self, begin: int, end: int) -> tuple[int, ...]:
        """Return the ticks at which an integration is sampled."""
        return tuple(int(tick) for tick in np.linspace(begin, end, self.points).round())

    def precharged(self, now: int) -> None:
        """Forget what came before."""
        self._start, self._charged = now, []

    def charged(self, name: str, times: tuple[int, ...], charge: torch.Tensor, current: torch.Tensor) -> None:
        """Take what one tile added: charge and current (T, C) int64 until each of the times."""
        self._charged.append(Charging(name, times, charge, current))

    def read(self, begin: int, end: int, column: ColumnParameters, pulses: torch.Tensor) -> None:
        """Take a conversion: pulses (L, C) in ticks."""
        self._readings.append((self._start, tuple(self._charged), Reading(begin, end, column, pulses[self.lane])))

    def voltages(self, columns: Sequence[int]) -> list[Voltages]:
        """Return the voltages of some columns, once for each conversion."""
        return [_voltages(start, charged, reading, list(columns)) for start, charged, reading in self._readings]


def _voltages(start: int, charged: Sequence[Charging], reading: Reading, columns: list[int]) -> Voltages:
    ends = (start, reading.begin, reading.end)
    times = sorted({*ends, *(time for one in charged for time in one.times)})
    charge, current = (sum(_at(one, name, times) for one in charged) for name in ("charge", "current"))
    volts = capacitor_volts(torch.as_tensor(charge), torch.as_tensor(current), None, reading.column)[:, columns]
    windows = dict.fromkeys(Window(c.name, _ns(c.times[0] - start), _ns(c.times[-1] - start)) for c in charged)
    parameters = reading.column

    def compared(column: int, ticks: int) -> float:
        """Return the voltage that gives a pulse of so many ticks, the ramp's bow left out."""
        slope, zero = float(parameters.ticks_per_volt[column]), float(parameters.zero_ticks[column])
        return (ticks - zero) / slope - float(parameters.offset_v[column])

    return Voltages(
        columns=tuple(columns),
        time_ns=tuple(_ns(time - start) for time in times),
        volts=tuple(tuple(line) for line in volts.T.tolist()),
        integrations=tuple(windows),
        ramp_ns=(_ns(reading.begin - start), _ns(reading.end - start)),
        ramp_volts=tuple((compared(c, 0), compared(c, reading.end - reading.begin)) for c in columns),
        pulse_ns=tuple(_ns(ticks) for ticks in reading.pulses[columns].tolist()),
    )


def _at(one: Charging, name: str, times: Sequence[int]) -> torch.Tensor:
    """Return charge or current (T', C) of one integration at other times: 0 before it, what it gave after it."""
    values: torch.Tensor = getattr(one, name)
    place = (
        torch.bucketize(
            torch.tensor(times, dtype=torch.float32), torch.tensor(one.times, dtype=torch.float32), right=True
        )
        - 1
    )
    found = values[place.clamp(min=0)]
    return torch.where((place >= 0)[:, None], found, torch.zeros_like(found))


def _ns(ticks: int) -> float:
    return ticks / TICKS_PER_NS
