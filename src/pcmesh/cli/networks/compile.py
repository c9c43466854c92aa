"""`pcmesh compile`: a network onto chips, down to microcode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.networks.chip_model import Force, OwnNetwork, batch_dimension, compile_own, compiled_page, write_model
from pcmesh.cli.output import console, write_result
from pcmesh.cli.paths import chip_name, folder_target, input_file, json_target
from pcmesh.cli.tables import overview_tables


def compile_(
    network: Annotated[
        str,
        typer.Argument(metavar="NETWORK", help="kws, rnnt, rnnt-expanded, a package's, or FILE.py:FUNCTION."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", callback=folder_target, metavar="DIR", help="Folder for the compiled network."),
    ],
    chip: Annotated[
        str, typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file.")
    ] = "nature2023",
    weights: Annotated[
        Path | None,
        typer.Option(callback=input_file, metavar="FILE", help="Weights (safetensors); rnnt has random ones without."),
    ] = None,
    example: Annotated[
        str | None, typer.Option(metavar="EXPRESSION", help="Your network's input: 'torch.randn(8, 1, 28, 28)'.")
    ] = None,
    batch_dim: Annotated[
        str,
        typer.Option(metavar="N", help="Dimension of the samples in your network's input; none: it has no batch."),
    ] = "0",
    calibration: Annotated[
        str | None, typer.Option(metavar="FILE.py:FUNCTION", help="Yields batches of your data, to calibrate with.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="LAYER=WAY", help="Map a layer of yours so: fc1=2-PCM, fc1=AB,copies=4. Repeatable."),
    ] = None,
    route: Annotated[
        bool, typer.Option("--route", help="Find ways through the mesh for your network too, down to microcode.")
    ] = False,
    hand_over: Annotated[
        bool, typer.Option("--hand-over", help="Let ramps make activations; pulses go from tile to tile.")
    ] = False,
    force: Force = False,
    report: Annotated[bool, typer.Option(help="Draw floorplans, routes and time diagrams (report.html).")] = True,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the figures to this file.")
    ] = None,
) -> None:
    """Put a network onto chips.

    By name: mapped, placed and routed, down to the local controllers' programs; [bold]kws[/bold] is programmed into a
    chip instance and calibrated too, as your own PyTorch network is
    ([bold]model.py:make_model --example 'torch.randn(8, 64)'[/bold]); go on with [bold]pcmesh summary DIR[/bold] and
    [bold]pcmesh evaluate DIR data.py:batches[/bold].
    [bold]pcmesh choose[/bold] finds the best mapping of its layers within limits. With [bold]--route[/bold] it is
    placed and routed too, and [bold]pcmesh verify DIR[/bold] executes its microcode on the clocked chip.

    The folder holds JSON, weights and [bold]report.html[/bold] with pictures, each with its checksum, and nothing that
    runs when it is read. A folder that pcmesh wrote is replaced as a whole. Look inside with
    [bold]pcmesh inspect DIR[/bold], read the programs with [bold]pcmesh disasm DIR --tile 1.1[/bold].
    """
    if ".py" in network or _is_added(network):
        asked = OwnNetwork(
            network=network,
            out=out,
            chip=chip,
            weights=weights,
            example=example,
            batch_dim=batch_dimension(batch_dim),
            calibration=calibration,
            layers=layer or [],
            route=route,
            hand_over=hand_over,
            report=report,
            force=force,
        )
        compile_own(asked, json)
        return
    from pcmesh.compiled import CompiledNetwork
    from pcmesh.files.folders import check_place
    from pcmesh.reporting.inspection import overview
    from pcmesh.studies.networks import compile_named

    check_place(out, "compiled network", force)
    with console(error=True).status(f"Compiling {network}"):
        compiled = compile_named(network, chip, weights)
        if isinstance(compiled, CompiledNetwork):
            compiled.save(out, compiled_page(compiled) if report else None, force)
    if not isinstance(compiled, CompiledNetwork):
        write_model(compiled, out, report, force, json)
        return
    found = overview(compiled)
    for shown in overview_tables(found, steps=False, tiles=False):
        console().print(shown)
    write_result(found, json, None)
    console().print(f"Written: {out}")


def _is_added(name: str) -> bool:
    """Return whether a package adds a workload of that name."""
    from pcmesh.deployed.workload import WORKLOADS

    return name in WORKLOADS and name not in WORKLOADS.shipped
