"""What the mapper decides: which rectangle of which matrix is on which device pair of which tile."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise
from typing import Literal

from pcmesh.files.artefact import Artefact, check
from pcmesh.mapping.encodings import Encoding, Phase, Second, integration_phases


class Lane(StrEnum):
    """The physical columns that a group uses: all, or every second one so that two groups share an OLP."""

    ALL = "all"
    EVEN = "even"
    ODD = "odd"


class Block(Artefact):
    """A rectangle of a layer's matrix: rows and columns [start, stop) on rows 0.. of one device pair.

    `sign` is -1 for the negated half of AB.
    """

    layer: str
    row_start: int
    row_stop: int
    column_start: int
    column_stop: int
    sign: Literal[1, -1] = 1

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.row_stop - self.row_start

    @property
    def columns(self) -> int:
        """Number of columns."""
        return self.column_stop - self.column_start

    def second(self, encoding: Encoding) -> Block | None:
        """Return what WP2 holds where it holds no rows of its own and this block is on WP1."""
        record = encoding.record
        return None if record.second is Second.NOTHING else self.model_copy(update={"sign": record.sign(2)})


class TileImage(Artefact):
    """What one tile holds: a block on each device pair (the same block on both for 4-PCM)."""

    index: int
    group: int
    encoding: Encoding
    wp1: Block
    wp2: Block | None

    def block(self, pair: int) -> Block | None:
        """Return the block on pair 1 or 2."""
        return self.wp1 if pair == 1 else self.wp2


class ColumnGroup(Artefact):
    """One tile, or two vertically adjacent tiles that share a bank of capacitors: it yields one output vector.

    Groups of one layer with the same columns hold different rows; their outputs are added digitally.
    The bank is that of the last tile in `tiles`, which is placed south of the other.
    """

    index: int
    layer: str
    tiles: tuple[int, ...]
    column_start: int
    column_stop: int
    lane: Lane = Lane.ALL

    @property
    def columns(self) -> int:
        """Number of columns."""
        return self.column_stop - self.column_start


class LayerMapping(Artefact):
    """The mapper's choice for one layer; `why` is for people. `chip` pins the layer to a chip (0-based).

    `input` and `output` name the vectors at its rows and columns.
    """

    layer: str
    input: str
    output: str
    rows: int
    columns: int
    encoding: Encoding
    signed_input: bool
    share_capacitors: bool
    chip: int | None = None
    why: str = ""


class Mapping(Artefact):
    """All tiles of a network, still without a place."""

    network: str
    tile_rows: int
    tile_columns: int
    layers: tuple[LayerMapping, ...]
    tiles: tuple[TileImage, ...]
    groups: tuple[ColumnGroup, ...]

    def layer(self, name: str) -> LayerMapping:
        """Return the mapper's choice for a layer."""
        return next(entry for entry in self.layers if entry.layer == name)

    def groups_of(self, layer: str) -> tuple[ColumnGroup, ...]:
        """Return the groups of a layer."""
        return tuple(group for group in self.groups if group.layer == layer)

    def producers(self, layer: str) -> tuple[ColumnGroup, ...]:
        """Return the groups whose outputs go straight to a layer's rows; none where its input comes from off-chip."""
        source = self.layer(layer).input
        names = {entry.layer for entry in self.layers if entry.output == source}
        return tuple(group for group in self.groups if group.layer in names)

    def is_partial(self, group: ColumnGroup) -> bool:
        """Return whether a group's output is one term of a digital sum (other rows of its columns lie elsewhere)."""
        return any(
            other.index != group.index and other.column_start == group.column_start
            for other in self.groups_of(group.layer)
        )

    def phases(self, tile: TileImage) -> tuple[Phase, ...]:
        """Return the integration steps of a tile."""
        signed = self.layer(tile.wp1.layer).signed_input
        return integration_phases(tile.encoding, signed, tile.wp2 is not None)

    @property
    def devices(self) -> int:
        """Devices that hold a weight: two for each weight on a pair, but for encodings with a reference ('PCMs')."""
        held = ((t.encoding.record.devices, b) for t in self.tiles for b in (t.wp1, t.wp2) if b is not None)
        return sum(devices * block.rows * block.columns for devices, block in held)

    def verify(self) -> None:
        """Check that every weight lands exactly once (with its copies of the encoding) and that tiles are large enough.

        Raises:
            VerificationError: naming the layer or the tile.
        """
        for position, tile in enumerate(self.tiles):
            check(tile.index == position, f"tile {tile.index} stands at position {position}")
            check(0 <= tile.group < len(self.groups), f"tile {position} is of group {tile.group}, which there is not")
            for block in (tile.wp1, tile.wp2):
                if block is None:
                    continue
                check(
                    0 < block.rows <= self.tile_rows,
                    f"tile {position}: {block.rows} rows exceed {self.tile_rows}",
                )
                check(
                    0 < block.columns <= self.tile_columns,
                    f"tile {position}: {block.columns} columns exceed {self.tile_columns}",
                )
        for position, group in enumerate(self.groups):
            check(group.index == position, f"group {group.index} stands at position {position}")
            check(1 <= len(group.tiles) <= 2, f"group {group.index} has {len(group.tiles)} tiles")
            for member in group.tiles:
                check(0 <= member < len(self.tiles), f"group {group.index} names tile {member}, which there is not")
                check(self.tiles[member].group == group.index, f"tile {member} is not in group {group.index}")
        for layer in self.layers:
            self._verify_cover(layer)

    def _verify_cover(self, layer: LayerMapping) -> None:
        covered = 0
        columns: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for tile in self.tiles:
            if tile.wp1.layer != layer.layer:
                continue
            stacked = tile.encoding.record.stacked
            if not stacked:
                check(
                    tile.wp2 == tile.wp1.second(tile.encoding),
                    f"tile {tile.index}: WP2 does not repeat WP1 ({tile.encoding})",
                )
            for block in (tile.wp1, tile.wp2) if stacked else (tile.wp1,):
                if block is None:
                    continue
                columns.setdefault((block.column_start, block.column_stop), []).append(
                    (block.row_start, block.row_stop)
                )
                covered += block.rows * block.columns
        for rows in columns.values():
            _verify_disjoint(f"{layer.layer}: rows", rows)
        _verify_disjoint(f"{layer.layer}: columns", columns)
        check(
            covered == layer.rows * layer.columns,
            f"{layer.layer}: {covered} of {layer.rows * layer.columns} weights land",
        )


def _verify_disjoint(what: str, intervals: Iterable[tuple[int, int]]) -> None:
    for (_, stop), (start, _) in pairwise(sorted(intervals)):
        check(stop <= start, f"{what} from {start} land twice")
