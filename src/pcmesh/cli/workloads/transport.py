"""`pcmesh transport`: how exactly durations cross the chip (paper: Fig. 2d)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.output import console, progress, table, write_result
from pcmesh.cli.paths import chip_name, json_target


def transport(
    vectors: Annotated[
        int, typer.Option(min=1, max=1_000_000, metavar="N", help="Vectors sent for each range of durations.")
    ] = 2048,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the die and of the durations.")] = 0,
    chip: Annotated[
        str, typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file.")
    ] = "nature2023",
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file.")
    ] = None,
) -> None:
    """Send random durations from the south-west ILP to all OLPs, by microcode, and count what arrives."""
    from pcmesh.hardware import load_chip
    from pcmesh.physics.fabrication import Instance
    from pcmesh.studies.transport import measure_transport

    with progress() as report:
        found = measure_transport(load_chip(chip), Instance(seed), vectors, report=report)
    rows = [
        (f"0 to {entry.max_duration_ns}", f"{entry.samples:,}", f"{entry.p99_error_ns:g}", f"{entry.max_error_ns:g}")
        for entry in found.ranges
    ]
    names = ("Durations, ns", "Samples", "99 % of errors up to, ns", "Largest error, ns")
    console().print(table("Durations from the south-west ILP to all OLPs", names, rows))
    hops = ", ".join(f"{pad} {number}" for pad, number in found.hops.items())
    console().print(f"Borderguards on the way: {hops}. Their errors are assumed (docs/physics.md).")
    write_result({**asdict(found), "seed": seed, "chip": chip, "vectors": vectors}, json, None)
