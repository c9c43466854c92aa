"""Vectors -> mesh segments and time slots: multi-cast in, concatenation out, no contention."""

from pcmesh.routing.types import (
    ChipSchedule,
    Hop,
    Integration,
    Operand,
    Readout,
    Routing,
    Side,
    Step,
    Transfer,
)

__all__ = [
    "ChipSchedule",
    "Hop",
    "Integration",
    "Operand",
    "Readout",
    "Routing",
    "Side",
    "Step",
    "Transfer",
]
