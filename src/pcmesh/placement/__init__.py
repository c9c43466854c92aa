"""Blocks -> chips and tiles."""

from pcmesh.placement.types import Place, Placement

__all__ = ["Place", "Placement"]
