"""`pcmesh compile`: a network onto chips, down to microcode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.networks import options
from pcmesh.cli.networks.asked import AskedNetwork
from pcmesh.cli.networks.writing import compiled_page, write_model
from pcmesh.cli.output import console
from pcmesh.cli.paths import folder_target
from pcmesh.cli.tables import show_overview


def compile_(
    network: options.Network,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", callback=folder_target, metavar="DIR", help="Folder for the compiled network."),
    ],
    chip: options.Chip = None,
    calibration: options.Calibration = None,
    seed: options.Seed = None,
    encoding: options.Coding = None,
    layer: options.Layer = None,
    max_chips: options.MaxChips = None,
    hand_over: options.Hand = None,
    route: options.Route = False,
    weights: options.Weights = None,
    example: options.Example = None,
    batch_dim: options.BatchDim = "0",
    time: options.Time = "0s",
    code: options.Code = None,
    force: options.Force = False,
    report: Annotated[bool, typer.Option(help="Draw floorplans, routes and time diagrams (report.html).")] = True,
    json: options.Json = None,
) -> None:
    """Put a network onto chips: program a chip instance with it, calibrate it, and write it to a folder.

    Type first: [bold]pcmesh compile kws -o DIR[/bold], or your own:
    [bold]pcmesh compile model.py:make_model --example 'torch.randn(8, 64)' -o DIR[/bold]

    Go on with [bold]pcmesh evaluate DIR data.py:batches[/bold]. [bold]pcmesh choose[/bold] finds the best mapping
    of its layers within limits. With [bold]--route[/bold] it is placed and routed too, and
    [bold]pcmesh verify DIR[/bold] executes its microcode on the clocked chip.

    [bold]rnnt-paper[/bold] and [bold]rnnt-expanded[/bold] are the paper's RNN-T of its full size, routed, without a
    chip instance.

    The folder holds JSON, weights and [bold]report.html[/bold] with pictures, each with its checksum, and nothing that
    runs when it is read. A folder that pcmesh wrote is replaced as a whole. Look inside with
    [bold]pcmesh inspect DIR[/bold], read the programs with [bold]pcmesh disasm DIR --tile 1.1[/bold].
    """
    from pcmesh.files.folders import check_place
    from pcmesh.studies.networks import COMPILERS

    if network in COMPILERS:
        _full_size(network, chip or "nature2023", weights, out, report, force, json)
        return
    asked = AskedNetwork(
        network=network,
        chip=chip,
        calibration=calibration,
        seed=seed,
        encoding=encoding,
        layers=layer or [],
        max_chips=max_chips,
        hand_over=hand_over,
        route=route,
        weights=weights,
        example=example,
        batch_dim=batch_dim,
        time=time,
        code=code,
    )
    check_place(out, force)
    write_model(asked.model, out, report, force, json)


def _full_size(
    name: str, chip: str, weights: Path | None, out: Path, report: bool, force: bool, json: Path | None
) -> None:
    """Write the paper's RNN-T, mapped, placed and routed."""
    from pcmesh.files.folders import check_place
    from pcmesh.studies.networks import compile_named

    check_place(out, force)
    with console(error=True).status(f"Compiling {name}"):
        compiled = compile_named(name, chip, weights)
        compiled.save(out, compiled_page(compiled) if report else None, force)
    show_overview(compiled, json)
    console().print(f"Written: {out}")
