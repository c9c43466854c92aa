"""What a run of the clocked chip did: the counts from which energy follows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import NamedTuple

from pcmesh.errors import VerificationError
from pcmesh.execution.clocked.clock import Clock


@dataclass(frozen=True)
class Activity:
    """Counts over all frames of a run.

    Attributes:
        frames: frames executed.
        row_ns: time that row drivers were on, summed over rows and pairs, ns.
        bias_row_ns: the same of bias rows.
        column_integrations: columns that integrated, summed over phases.
        column_ns: how long columns were ready to integrate, summed over columns and phases, ns.
        conversions: columns that were compared with a ramp.
        net_pulses: pulses that entered a net (each rises and falls once), summed over nets.
        hop_pulses: of these, pulses through a borderguard.
        ilp_pulses: pulses that landing pads sent.
        olp_counts: wires that landing pads counted.
        fetches: words that controllers fetched.
    """

    frames: int
    row_ns: float
    bias_row_ns: float
    column_integrations: int
    column_ns: float
    conversions: int
    net_pulses: int
    hop_pulses: int
    ilp_pulses: int
    olp_counts: int
    fetches: int


KINDS = tuple(field.name for field in fields(Activity) if field.name != "frames")


class Event(NamedTuple):
    """What is counted together: a kind of `Activity`, the cycle (1 ns), and who did it."""

    kind: str
    cycle: int
    who: str


class Counter:
    """The counts while a chip runs; `lanes` chips run in lockstep."""

    def __init__(self, clock: Clock, lanes: int = 1) -> None:
        self.lanes = lanes
        self.events: dict[Event, float] = defaultdict(float)
        self._clock = clock

    def add(self, kind: str, count: float, who: str, cycle: int | None = None) -> None:
        """Count something that happens now, or began at a cycle; `kind` is a field of `Activity`.

        Raises:
            VerificationError: it is not.
        """
        if kind not in KINDS:
            raise VerificationError(f"an event of unknown kind {kind!r} by {who}; kinds: {', '.join(KINDS)}")
        self.events[Event(kind, self._clock.cycle if cycle is None else cycle, who)] += count

    def activity(self, frames: int) -> Activity:
        """Return the counts so far."""
        total: dict[str, float] = defaultdict(float)
        for event, count in self.events.items():
            total[event.kind] += count
        whole = {kind: round(total[kind]) for kind in KINDS if not kind.endswith("_ns")}
        return Activity(
            frames=frames,
            row_ns=total["row_ns"],
            bias_row_ns=total["bias_row_ns"],
            column_ns=total["column_ns"],
            **whole,
        )
