"""What a user may decide about the mapping of one layer."""

from __future__ import annotations

from pydantic import Field

from pcmesh.files.artefact import Artefact
from pcmesh.mapping.encodings import Encoding
from pcmesh.mapping.types import Lane


class LayerOptions(Artefact):
    """How one layer is mapped; the defaults are those of the paper's sensitive layers (asymmetry balance).

    Attributes:
        encoding: how weights use the two device pairs.
        share_capacitors: two row blocks of one column block share a bank of capacitors, so their sum is analog.
        digital_sums: column blocks (0-based) whose row blocks do not share, although the others do.
        first_rows_south: column blocks whose row blocks are stacked the other way, the first rows on the southern tile
            (on a full chip the mesh then reaches all rows at once; see docs/compiler.md).
        lane: physical columns of the last column block, where it fills at most half of a tile: an even and an odd
            one leave through one landing pad.
        chip: pins the layer to a chip (0-based).
    """

    encoding: Encoding = Encoding.AB
    share_capacitors: bool = True
    digital_sums: frozenset[int] = frozenset()
    first_rows_south: frozenset[int] = frozenset()
    lane: Lane = Lane.ALL
    chip: int | None = Field(default=None, ge=0)
