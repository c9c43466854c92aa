"""What is where on the mesh in which time step.

The mesh model. Over each grid place (a tile or a gap) lies one *centre* net of `chip.wires` wires: the E-W and N-S
wires, joined by the diagonal of vias. Between neighbouring places, and on the grid's rim, lie *edge* nets. A
borderguard on each of the four sides of a place joins the place's centre and the edge net of that side: blocked,
`in` (edge -> centre) or `out` (centre -> edge), on all wires or on the even or odd ones only. A tile's rows listen to
its west edge net (so that another vector can pass over its centre at the same time); a tile's columns drive its
south edge net. ILPs drive, and OLPs listen to, west or east rim nets.
Paper: Reconfigurable architecture; ED Fig. 2e, f.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pcmesh.files.artefact import Artefact
from pcmesh.hardware import Site, TimingSpec
from pcmesh.mapping import Lane, Phase
from pcmesh.mapping.encodings import Part
from pcmesh.network.activation import ActivationKind


class Side(StrEnum):
    """A side of a grid place."""

    NORTH = "N"
    SOUTH = "S"
    WEST = "W"
    EAST = "E"


class Hop(Artefact):
    """One borderguard that propagates: at `site`'s `side`, `in`to its centre or `out` of it."""

    site: Site
    side: Side
    direction: Literal["in", "out"]


class Operand(Artefact):
    """A slice of a network's vector, and which part of its signed values the pulses carry."""

    vector: str
    start: int
    stop: int
    part: Part = "positive"


class Transfer(Artefact):
    """One vector on its way in one time step: from one source over hops to all its destinations.

    Exactly one of `ilp` (index into `chip.grid.ilps`, driving `operand`) and `group` (a column group whose bank
    is read out) is the source. `hops` are ordered from the source. Destinations: the rows of the tiles at `rows_of`,
    or the OLP with index `olp`; a transfer to an OLP from a group has `lane` even or odd when two share the OLP.
    """

    ilp: int | None = None
    operand: Operand | None = None
    group: int | None = None
    lane: Lane = Lane.ALL
    hops: tuple[Hop, ...]
    rows_of: tuple[Site, ...] = ()
    olp: int | None = None


class Integration(Artefact):
    """A tile integrates what arrives at its rows, in one phase of its encoding."""

    tile: int
    site: Site
    phase: Phase


class GroupReadout(Artefact):
    """A group's capacitor bank (at `site`) is compared with the ramp and drives the mesh."""

    group: int
    site: Site
    activation: ActivationKind


class Step(Artefact):
    """One time step (300 ns on the preset chip)."""

    transfers: tuple[Transfer, ...] = ()
    integrations: tuple[Integration, ...] = ()
    readouts: tuple[GroupReadout, ...] = ()


class ChipSchedule(Artefact):
    """All time steps of one frame (or one operation of an LSTM chip) on one chip.

    Frames follow each other every `interval_steps`; where that is less than the number of steps, the last steps of
    a frame overlap the first ones of the next (they use other wires, checked).
    """

    chip: int
    steps: tuple[Step, ...]
    interval_steps: int

    @property
    def integration_steps(self) -> int:
        """Steps in which some tile integrates."""
        return sum(bool(step.integrations) for step in self.steps)

    def slots_ns(self, timing: TimingSpec) -> tuple[int, ...]:
        """Return the lengths of the time steps of one interval, which repeat.

        A step in which no columns are read, in this frame or the one that overlaps it, is an integration step.
        """
        read = {number % self.interval_steps for number, step in enumerate(self.steps) if step.readouts}
        return tuple(timing.step_ns if slot in read else timing.integration_ns for slot in range(self.interval_steps))

    def start_ns(self, step: int, timing: TimingSpec) -> int:
        """Return when a step of a frame starts, ns from the frame's start; of the step behind the last: its end."""
        slots = self.slots_ns(timing)
        return step // len(slots) * sum(slots) + sum(slots[: step % len(slots)])

    def operation_ns(self, timing: TimingSpec) -> int:
        """Return the length of a frame."""
        return self.start_ns(len(self.steps), timing)

    def interval_ns(self, timing: TimingSpec) -> int:
        """Return the time from one frame to the next."""
        return sum(self.slots_ns(timing))

    @property
    def output_slots(self) -> int:
        """Steps in which a vector goes to an OLP."""
        return sum(any(t.olp is not None for t in step.transfers) for step in self.steps)


class Routing(Artefact):
    """The schedules of all chips, by chip index."""

    chips: tuple[ChipSchedule, ...]
