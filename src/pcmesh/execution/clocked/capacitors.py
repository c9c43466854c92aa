"""A bank of capacitors: precharged, charged by one or two tiles, held while the ramp reads it.

Shape legend: L lanes, C columns.
"""

from __future__ import annotations

import torch

from pcmesh.execution.clocked.clock import Clock
from pcmesh.execution.clocked.noise import ReadNoise
from pcmesh.execution.clocked.voltages import VoltageProbe
from pcmesh.hardware import ChipSpec
from pcmesh.microcode import Instruction
from pcmesh.physics.column import RampSetting, capacitor_volts, column_parameters, ramp_ticks
from pcmesh.physics.fabrication import TileFabric
from pcmesh.physics.units import TICKS_PER_NS


class CapacitorBank:
    """The capacitors, the ramp and the comparators of one tile."""

    def __init__(
        self, where: str, chip: ChipSpec, fabric: TileFabric, variance_unit: float, clock: Clock, lanes: int
    ) -> None:
        self._where, self._chip, self._fabric, self._clock = where, chip, fabric, clock
        self._variance_unit = variance_unit
        self._shape = (lanes, chip.tile.columns)
        self._word = Instruction("capacitors")
        self._state = "never precharged"
        self._ramp_end = 0
        self._ramp = Instruction("conversion")
        self._charge = self._current = torch.zeros(self._shape, dtype=torch.int64)
        self._noise: torch.Tensor | None = None
        self._noise_v: torch.Tensor | None = None
        self._pairs: set[tuple[int, ...]] = set()
        self.windows = 0
        self.frame = -1
        self.phase = 0
        self.probe: VoltageProbe | None = None

    @property
    def shares_north(self) -> bool:
        """Whether the north neighbour's columns charge this bank."""
        return bool(self._word["share_north"])

    def set_capacitors(self, word: Instruction) -> None:
        """Execute a `capacitors` word."""
        if self.windows:
            raise self._clock.refuse(self._where, "the capacitors are switched while columns charge them")
        if self._clock.now < self._ramp_end:
            raise self._clock.refuse(self._where, "the capacitors are switched while the ramp reads them")
        most = self._chip.column.capacitor_units
        if word["precharge"] and not 1 <= word["units"] <= most:
            raise self._clock.refuse(
                self._where, f"{word['units']} capacitor units are connected, 1 to {most} can be", "Set units"
            )
        if word["precharge"]:
            self._charge = self._current = torch.zeros(self._shape, dtype=torch.int64)
            self._noise = self._noise_v = None
            self._pairs = set()
            self._state = "precharged"
            self.frame += not self._word["precharge"]
            self.phase = 0
            if self.probe is not None:
                self.probe.precharged(self._clock.now)
        elif word["units"] != self._word["units"]:
            self._state = "never precharged"
        self._word = word

    def begin(self) -> None:
        """Check that columns can charge the bank from now on."""
        if self._word["precharge"]:
            raise self._clock.refuse(self._where, "integration starts while the capacitors are precharged")
        if self._state not in ("precharged", "charged"):
            raise self._clock.refuse(self._where, f"integration without precharge (the bank was {self._state})")
        if self._clock.now < self._ramp_end:
            raise self._clock.refuse(self._where, "integration starts while the ramp reads the capacitors")
        self.windows += 1

    def end(
        self, pairs: tuple[int, ...], charge: torch.Tensor, current: torch.Tensor, noise: torch.Tensor | None
    ) -> None:
        """Add what one tile integrated: (L, C) int64 charge and current, float64 noise."""
        self.windows -= 1
        self._charge = self._charge + charge
        self._current = self._current + current
        if noise is not None:
            self._noise = noise if self._noise is None else self._noise + noise
        self._pairs.add(pairs)
        self._state = "charged"
        self.phase += 1

    def convert(self, word: Instruction, noise: ReadNoise | None) -> torch.Tensor | None:
        """Execute a `conversion` word; return the output pulses (L, C) int32 where a ramp starts."""
        if self._clock.now < self._ramp_end:
            raise self._clock.refuse(self._where, "the ramp is switched before it has finished")
        starts = word["ramp"] and not self._ramp["ramp"]
        if word["ramp"] and not starts and word.values != self._ramp.values:
            raise self._clock.refuse(self._where, "the ramp's setting changes while it is on")
        self._ramp = word
        if not starts:
            return None
        if self._state not in ("charged", "read") or self.windows:
            why = "columns still charge it" if self.windows else f"it was {self._state}"
            raise self._clock.refuse(self._where, f"a bank is read that was not integrated ({why})")
        self._state = "read"
        self._ramp_end = self._clock.now + self._chip.timing.output_max_ns * TICKS_PER_NS
        return self._pulses(word, noise)

    def _pulses(self, word: Instruction, noise: ReadNoise | None) -> torch.Tensor:
        setting = RampSetting(capacitor_units=self._word["units"], slope_code=word["slope"], zero_ticks=word["zero"])
        column = column_parameters(self._chip, self._fabric, setting, self._variance_unit, len(self._pairs))
        if noise is not None and self._noise_v is None:
            # kT/C is frozen with the charge; the comparator's share is drawn with it, so that a bank that is read
            # twice gives the same pulses (as in the behavioural engine).
            read = (
                self._noise * torch.sqrt(column.volts2_per_variance.to(torch.float64))
                if self._noise is not None
                else 0.0
            )
            conversion = noise.normal(self.frame, "conversion", self._shape[1:])
            total = read + conversion * torch.sqrt(column.noise_v2.to(torch.float64))
            self._noise_v = total.to(torch.float32)
        pulses = ramp_ticks(capacitor_volts(self._charge, self._current, self._noise_v, column), column)
        if self.probe is not None:
            self.probe.read(self._clock.now, self._ramp_end, column, pulses)
        return pulses
