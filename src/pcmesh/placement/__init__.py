"""Blocks -> chips and tiles."""

from pcmesh.placement.place import place
from pcmesh.placement.types import Place, Placement

__all__ = ["Place", "Placement", "place"]
