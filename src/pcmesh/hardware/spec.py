"""The chip: one frozen object that every limit of the compiler follows from."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from pcmesh.hardware.base import Broken, Spec
from pcmesh.hardware.grid import GridSpec
from pcmesh.hardware.periphery import ColumnSpec, ControllerSpec, DigitalSpec, MeshSpec, TimingSpec
from pcmesh.hardware.storage import PcmSpec, ProgrammingSpec

PAIRS_PER_CELL = 2
DEVICES_PER_PAIR = 2


class TileSpec(Spec):
    """A tile: rows x columns of unit cells, each of two device pairs (WP1 = G+ - G-, WP2 = g+ - g-)."""

    rows: int = Field(ge=1, le=1024, description="input rows; exact charge arithmetic holds up to 1,024")
    columns: int = Field(ge=1, le=4096, description="columns, each with a capacitor and a comparator")
    bias_rows: int = Field(ge=0, le=64, description="further rows that shift a column's output")

    def relations(self) -> Iterator[Broken]:
        """Yield odd sizes."""
        for name in ("rows", "columns"):
            size = getattr(self, name)
            if size % 2:
                limit = "even (vectors are split into even and odd wires)"
                yield Broken((name,), str(size), limit, f"Take {size - 1 or 2} or {size + 1}")

    @property
    def cells(self) -> int:
        """Unit cells (without bias rows)."""
        return self.rows * self.columns


class ChipSpec(Spec):
    """A chip; `nature2023` is that of Ambrogio et al., Nature 620, 768 (2023), 10.1038/s41586-023-06337-5."""

    name: str = Field(description="name of the chip; in a file, its own name unless given")
    grid: GridSpec
    tile: TileSpec
    pcm: PcmSpec
    programming: ProgrammingSpec
    column: ColumnSpec
    timing: TimingSpec
    mesh: MeshSpec
    controller: ControllerSpec
    digital: DigitalSpec

    @property
    def tiles(self) -> int:
        """Tiles on the chip."""
        return len(self.grid.sites)

    @property
    def wires(self) -> int:
        """Wires of one mesh bus: enough for a vector of a tile's rows or columns."""
        return max(self.tile.rows, self.tile.columns)

    @property
    def devices(self) -> int:
        """PCM devices on the chip (without bias rows)."""
        return self.tiles * self.tile.cells * PAIRS_PER_CELL * DEVICES_PER_PAIR

    @property
    def capacity_2pcm(self) -> int:
        """Weights that fit with two PCMs a weight."""
        return self.tiles * self.tile.cells * PAIRS_PER_CELL
