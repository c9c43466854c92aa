"""What a run of the clocked chip did: the counts from which energy follows."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pcmesh.physics.units import TICKS_PER_NS


@dataclass(frozen=True)
class Activity:
    """Counts over all frames of a run.

    Attributes:
        frames: frames executed.
        row_ns: time that row drivers were on (bias rows included), summed over rows, ns.
        column_integrations: columns that integrated, summed over phases.
        conversions: columns that were compared with a ramp.
        net_pulses: pulses that entered a net (each rises and falls once), summed over nets.
        hop_pulses: of these, pulses through a borderguard.
        ilp_pulses: pulses that landing pads sent.
        olp_counts: wires that landing pads counted.
        fetches: words that controllers fetched.
    """

    frames: int
    row_ns: float
    column_integrations: int
    conversions: int
    net_pulses: int
    hop_pulses: int
    ilp_pulses: int
    olp_counts: int
    fetches: int


@dataclass
class Counter:
    """The counts while a chip runs; `lanes` chips run in lockstep."""

    lanes: int = 1
    row_ticks: int = 0
    column_integrations: int = 0
    conversions: int = 0
    net_pulses: int = 0
    hop_pulses: int = 0
    ilp_pulses: int = 0
    olp_counts: int = 0
    fetches: int = 0

    def activity(self, frames: int) -> Activity:
        """Return the counts so far."""
        counts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("lanes", "row_ticks")}
        return Activity(frames=frames, row_ns=self.row_ticks / TICKS_PER_NS, **counts)
