"""Pulses on bundles of wires.

Shape legend: L lanes (chips that run in lockstep with the same programs and other data), W wires.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pcmesh.physics.pulse import shifted

EVEN, ODD = 0, 1
PARITIES = (EVEN, ODD)
PARITY_NAMES = ("even", "odd")


@dataclass(frozen=True)
class Signal:
    """One vector of pulses as its source made it; all of its pulses rise together.

    Attributes:
        source: who drives it, for messages.
        widths: (L, W) int32, ticks.
        longest: (W,) int32, the longest pulse of each wire over the lanes.
        pulses: pulses that are not empty, on the even and on the odd wires.
    """

    source: str
    widths: torch.Tensor
    longest: torch.Tensor
    pulses: tuple[int, int]

    @classmethod
    def of(cls, source: str, widths: torch.Tensor) -> Signal:
        """Return the signal of pulse widths (L, W) int32."""
        present = (widths > 0).sum(0)
        return cls(source, widths, widths.amax(0), (int(present[EVEN::2].sum()), int(present[ODD::2].sum())))


@dataclass(frozen=True)
class Arrival:
    """A signal on one net.

    Attributes:
        signal: the pulses at the source.
        parities: the wires that carry it: even, odd or both.
        shift: (W,) int32, how much wider the pulses are here, ticks.
        rise: when they rise here, ticks.
        falls: when the last even and the last odd one falls here, ticks.
    """

    signal: Signal
    parities: tuple[int, ...]
    shift: torch.Tensor
    rise: int
    falls: tuple[int, int]

    @classmethod
    def of(cls, signal: Signal, parities: tuple[int, ...], shift: torch.Tensor, rise: int) -> Arrival:
        """Return the arrival of a signal on a net."""
        longest = shifted(signal.longest, shift)
        even, odd = (int(longest[parity::2].max()) if longest[parity::2].numel() else 0 for parity in PARITIES)
        return cls(signal, parities, shift, rise, (rise + even, rise + odd))

    @property
    def fall(self) -> int:
        """When the last pulse falls."""
        return max(self.falls[parity] for parity in self.parities)

    def widths(self) -> torch.Tensor:
        """Return the pulse widths here, (L, W) int32."""
        return shifted(self.signal.widths, self.shift)

    def late_wire(self, limit: int) -> int:
        """Return a wire whose pulse is still high after `limit` (ticks)."""
        ends = self.rise + shifted(self.signal.longest, self.shift)
        carried = torch.zeros_like(ends, dtype=torch.bool)
        for parity in self.parities:
            carried[parity::2] = True
        return int(torch.nonzero((ends > limit) & carried)[0])
