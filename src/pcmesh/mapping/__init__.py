"""LayerGraph -> blocks that fit a tile: encodings, copies, capacitor sharing."""

from pcmesh.mapping.mapper import map_network
from pcmesh.mapping.options import LayerOptions
from pcmesh.mapping.types import (
    Block,
    ColumnGroup,
    Encoding,
    Lane,
    LayerMapping,
    Mapping,
    Phase,
    TileImage,
    integration_phases,
)

__all__ = [
    "Block",
    "ColumnGroup",
    "Encoding",
    "Lane",
    "LayerMapping",
    "LayerOptions",
    "Mapping",
    "Phase",
    "TileImage",
    "integration_phases",
    "map_network",
]
