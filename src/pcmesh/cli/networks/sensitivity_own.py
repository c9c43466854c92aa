"""`pcmesh sensitivity FILE.py:FUNCTION`: which weights of one's own network must be exact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.networks.chip_model import Code, load_own, recipe_of
from pcmesh.cli.networks.sensitivity import Bits, Fresh, Json, Workers, parse_bits, show
from pcmesh.cli.output import console, progress
from pcmesh.cli.paths import check_folder, chip_name, folder_target, input_file


def own(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="FILE.py:FUNCTION that makes it, a package's, or a folder of [bold]pcmesh compile[/bold].",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA", help="FILE.py:FUNCTION that yields inputs or (inputs, labels), or safetensors with those."
        ),
    ],
    weights: Annotated[
        Path | None, typer.Option(callback=input_file, metavar="FILE", help="Weights (safetensors).")
    ] = None,
    chips: Annotated[
        int, typer.Option(min=0, metavar="N", help="Chip instances whose precision is told; 0: of programming alone.")
    ] = 3,
    calibration: Annotated[
        str | None, typer.Option(metavar="DATA", help="Data to calibrate the chips with; by default those of --data.")
    ] = None,
    code: Code = None,
    bits: Bits = "2:8:0.5",
    chip: Annotated[
        str, typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file.")
    ] = "nature2023",
    workers: Workers = 1,
    fresh: Fresh = False,
    json: Json = None,
    out: Annotated[
        Path, typer.Option(callback=folder_target, metavar="DIR", help="Folder for result.json and report.html.")
    ] = Path("runs/sensitivity-own"),
) -> None:
    """Your own network: all weights, its blocks, each layer.

    With labels, [bold]accuracy[/bold] is told; without, how often the choice is that of the network in float32 or,
    where it gives a single number, how much of the variance of its outputs is kept.
    """
    from pcmesh.analysis.batches import user_batches
    from pcmesh.analysis.sensitivity.network import network_sensitivity
    from pcmesh.deployed import compile_model
    from pcmesh.deployed.user_code import user_model

    check_folder(out)
    values, batches = parse_bits(bits), user_batches(data)
    if Path(network).is_dir():
        model = load_own(Path(network), code)
    else:
        recipe = recipe_of(network)
        source = calibration or (None if recipe is None else network)
        frames = [batch.inputs for batch in (batches if source is None else user_batches(source, "calibration"))]
        made = user_model(network, weights)
        with console(error=True).status(f"Compiling {network}"):
            model = compile_model(made, frames[0], chip, calibration=frames, **(recipe or {}))
    with progress() as report:
        result = network_sensitivity(
            model,
            batches,
            bits=values,
            chips=chips,
            workers=workers,
            folder=out / "points",
            fresh=fresh,
            report=report,
        )
    result["data"] |= {"source": data}
    result["configuration"] |= {"network": network, "weights": None if weights is None else str(weights)}
    show(result, json, out)
