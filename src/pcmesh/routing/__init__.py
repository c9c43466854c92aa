"""Vectors -> mesh segments and time slots: multi-cast in, concatenation out, no contention."""

from pcmesh.routing.cost import StepUse, wire_use
from pcmesh.routing.route import off_chip_layers, route
from pcmesh.routing.types import ChipSchedule, GroupReadout, Hop, Integration, Operand, Routing, Side, Step, Transfer

__all__ = [
    "ChipSchedule",
    "GroupReadout",
    "Hop",
    "Integration",
    "Operand",
    "Routing",
    "Side",
    "Step",
    "StepUse",
    "Transfer",
    "off_chip_layers",
    "route",
    "wire_use",
]
