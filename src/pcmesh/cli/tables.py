"""Tables of a compiled network's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from pcmesh.cli.output import console, facts, table, write_result

if TYPE_CHECKING:
    from pcmesh.compiled import CompiledNetwork

_CHIP = (
    ("Chip", "chip"),
    ("Tiles", "tiles"),
    ("of", "tiles_available"),
    ("Integration steps", "integration_steps"),
    ("Output slots", "output_slots"),
    ("Time, ns", "time_ns"),
    ("Next frame, ns", "interval_ns"),
    ("LC words", "sram_words"),
    ("of ", "sram_words_available"),
)
_LAYER = (("Layer", "layer"), ("Rows", "rows"), ("Columns", "columns"), ("Tiles", "tiles"), ("Mapping", "why"))
_STEP = (
    ("Chip", "chip"),
    ("Step", "step"),
    ("Tiles integrate", "integrating_tiles"),
    ("Vectors", "vectors"),
    ("To OLPs", "to_olps"),
    ("Borderguards", "borderguards"),
    ("Wires", "wires"),
    ("of", "wires_available"),
)


def show_overview(compiled: CompiledNetwork, json: Path | None, *, steps: bool = False, tiles: bool = False) -> None:
    """Print what is where in routed layers, those of time steps and tiles only when asked for, and write it."""
    from pcmesh.reporting.inspection import overview

    found = overview(compiled)
    for shown in _overview_tables(found, steps, tiles):
        console().print(shown)
    write_result(found, json, None)


def _overview_tables(found: Mapping[str, Any], steps: bool, tiles: bool) -> Iterator[Table]:
    chips = len(found["chips"])
    title = f"{found['network']} on {found['chip']}: {found['tiles']} tiles on {chips} chip{'s' if chips > 1 else ''}"
    yield _columns(f"{title}, {found['pcm_devices']:,} PCM devices", _CHIP, found["chips"])
    yield _columns("Layers", _LAYER, found["layers"])
    if steps:
        yield _columns("Time steps", _STEP, found["steps"])
    if tiles:
        names = ("Tile", "Layer", "Encoding", "WP1 rows", "WP2 rows", "Columns", "Shares with")
        yield table("Tiles (chip.tile)", names, [_tile_row(tile) for tile in found["blocks"]])


def tile_table(tile: Mapping[str, Any]) -> Table:
    """Return everything about one tile."""
    rows = [
        ("Layer", f"{tile['layer']} in {tile['encoding']}"),
        ("Place in the grid (row, column from 0)", str(tuple(tile["site"]))),
        *((pair.upper(), _block(tile[pair])) for pair in ("wp1", "wp2")),
        ("Columns used", tile["lane"]),
        ("Shares capacitors with", tile["shares_capacitors_with"] or "no tile"),
        ("Integrates", "; ".join(tile["phases"])),
        ("Instructions", str(tile["instructions"])),
    ]
    return facts(f"Tile {tile['tile']}", rows)


def _columns(title: str, columns: tuple[tuple[str, str], ...], rows: list[dict[str, Any]]) -> Table:
    cells = [[_cell(row[key]) for _, key in columns] for row in rows]
    return table(title, [name.strip() for name, _ in columns], cells)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _tile_row(tile: Mapping[str, Any]) -> tuple[str, ...]:
    first, second = tile["wp1"], tile["wp2"]
    return (
        tile["tile"],
        tile["layer"],
        tile["encoding"],
        _range(first["rows"]),
        "-" if second is None else ("-W " if second["sign"] < 0 else "") + _range(second["rows"]),
        _range(first["columns"]) + ("" if tile["lane"] == "all" else f" {tile['lane']}"),
        tile["shares_capacitors_with"] or "-",
    )


def _block(block: Mapping[str, Any] | None) -> str:
    if block is None:
        return "empty"
    sign = "-W, " if block["sign"] < 0 else "W, "
    return f"{sign}rows {_range(block['rows'])}, columns {_range(block['columns'])}"


def _range(bounds: list[int]) -> str:
    return f"{bounds[0]}-{bounds[1] - 1}"
