"""LayerGraph -> blocks that fit a tile: encodings, copies, capacitor sharing."""

from pcmesh.mapping.encodings import ENCODINGS, Encoding, EncodingRecord, Phase, Second, integration_phases
from pcmesh.mapping.mapper import map_network
from pcmesh.mapping.options import LayerOptions
from pcmesh.mapping.types import Block, ColumnGroup, Lane, LayerMapping, Mapping, TileImage

__all__ = [
    "ENCODINGS",
    "Block",
    "ColumnGroup",
    "Encoding",
    "EncodingRecord",
    "Lane",
    "LayerMapping",
    "LayerOptions",
    "Mapping",
    "Phase",
    "Second",
    "TileImage",
    "integration_phases",
    "map_network",
]
