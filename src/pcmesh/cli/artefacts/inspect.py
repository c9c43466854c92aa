"""`pcmesh inspect`: what is where in a compiled network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.output import console, table, write_result
from pcmesh.cli.paths import json_target
from pcmesh.cli.tables import show_overview, tile_table

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder written by pcmesh compile.")]


def inspect(
    folder: Folder,
    tile: Annotated[str | None, typer.Option(metavar="CHIP.TILE", help="One tile, e.g. 3.17.")] = None,
    weight: Annotated[
        tuple[str, int, int] | None,
        typer.Option(metavar="LAYER ROW COL", help="Which devices hold a weight? Row and column from 0."),
    ] = None,
    tiles: Annotated[bool, typer.Option("--tiles", help="List all tiles with their blocks.")] = False,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the figures to this file.")
    ] = None,
) -> None:
    """Show chips, layers, time steps and wires of a compiled network; or one tile; or where a weight is."""
    from pcmesh.compiled import load_compiled
    from pcmesh.reporting.inspection import tile_at, weight_devices

    compiled = load_compiled(folder)
    if weight is not None:
        devices = weight_devices(compiled, *weight)
        rows = [(d["tile"], d["pair"], d["devices"], d["row"], d["column"], f"{d['sign']:+d}") for d in devices]
        names = ("Tile", "Pair", "Devices", "Row", "Column", "Sign")
        console().print(table(f"{weight[0]}, row {weight[1]}, column {weight[2]}", names, rows))
        write_result({"weight": list(weight), "devices": devices}, json, None)
    elif tile is not None:
        found = tile_at(compiled, tile)
        console().print(tile_table(found))
        write_result(found, json, None)
    else:
        show_overview(compiled, json, steps=True, tiles=tiles)
