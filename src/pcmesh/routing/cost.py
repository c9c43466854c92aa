"""How much of the mesh each time step uses."""

from __future__ import annotations

from typing import NamedTuple

from pcmesh.hardware import ChipSpec
from pcmesh.hardware.mesh import Mesh
from pcmesh.mapping import Lane
from pcmesh.routing.types import ChipSchedule, Step


class StepUse(NamedTuple):
    """Use of the mesh in one step.

    A wire segment is one wire of an edge or centre net. `hops` counts borderguards that propagate (one that
    propagates even or odd wires only counts as one).
    """

    vectors: int
    hops: int
    wire_segments: int
    wire_segments_available: int


def wire_use(schedule: ChipSchedule, chip: ChipSpec) -> tuple[StepUse, ...]:
    """Return the use of the mesh in each step of a chip's schedule."""
    available = len(Mesh(chip.grid).nets) * chip.wires
    return tuple(_use(step, chip.wires, available) for step in schedule.steps)


def _use(step: Step, wires: int, available: int) -> StepUse:
    # A source drives one net, every hop one more.
    nets = [(len(t.hops) + 1, wires if t.lane is Lane.ALL else wires // 2) for t in step.transfers]
    return StepUse(
        vectors=len(step.transfers),
        hops=sum(len(transfer.hops) for transfer in step.transfers),
        wire_segments=sum(number * width for number, width in nets),
        wire_segments_available=available,
    )
