"""LayerGraph -> blocks that fit a tile: encodings, copies, capacitor sharing."""

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
    "Mapping",
    "Phase",
    "TileImage",
    "integration_phases",
]
