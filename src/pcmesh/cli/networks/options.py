"""Options that commands about a network have in common: one name, one meaning, one wording each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.paths import checkpoint_file, chip_name, folder_target, input_folder, json_target


class HandOver(StrEnum):
    """Whether layers with only a ReLU between them send their pulses from tile to tile."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


Network = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A workload (kws, rnnt, a package's), FILE.py:FUNCTION that makes a network, or a folder of "
        "pcmesh compile.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="What it is judged by: FILE.py:FUNCTION that yields inputs or (inputs, labels), safetensors with those, a "
        "workload; of a workload, also a folder of recordings. A workload has data of its own.",
    ),
]
Calibration = Annotated[
    str | None,
    typer.Option(metavar="DATA", help="Data to calibrate chips with, as --data; by default the workload's, or --data."),
]
Chip = Annotated[
    str | None,
    typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file (nature2023)."),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        callback=checkpoint_file,
        metavar="FILE",
        help="Weights (safetensors; for rnnt also MLPerf's checkpoints and [bold]hardware-aware[/bold]).",
    ),
]
Example = Annotated[
    str | None,
    typer.Option(metavar="EXPRESSION", help="Your network's input, where no data say it: 'torch.randn(8, 1, 28, 28)'."),
]
BatchDim = Annotated[
    str, typer.Option(metavar="N", help="Dimension of the samples in your network's input; none: it has no batch.")
]
Code = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.py:FUNCTION",
        help="The code of a network in a folder, where torch.export cannot trace it. It runs; nothing else in it does.",
    ),
]
Layer = Annotated[
    list[str] | None,
    typer.Option(metavar="LAYER=WAY", help="Map a layer so: fc1=2-PCM, fc1=AB,copies=4, fc1=digital. Repeatable."),
]
Coding = Annotated[
    str | None, typer.Option("--encoding", metavar="HOW", help="Encoding of all layers: AB, 2-PCM, 4-PCM.")
]
MaxChips = Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many chips.")]
Hand = Annotated[
    HandOver | None,
    typer.Option(
        "--hand-over",
        metavar="auto|on|off",
        help="Pulses from tile to tile where only a ReLU stands between layers: on, off, auto (where that errs hardly "
        "more); by default the workload's, or off.",
    ),
]
Route = Annotated[
    bool, typer.Option("--route", help="Find ways through the mesh and write microcode; pulses widen on their ways.")
]
Time = Annotated[str, typer.Option(metavar="AGE", help="Age since calibration: 20s, 1h, 1d, 1w, 1mo.")]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="Seed of everything random; the same seed, the same figures.")
]
Samples = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only so many samples of the data.")]
Chips = Annotated[
    int, typer.Option(min=1, metavar="N", help="Chip instances, each with its own fabrication and devices.")
]
Json = Annotated[
    Path | None,
    typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file; -: standard output."),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", callback=folder_target, metavar="DIR", help="Folder for what is written.")
]
Recordings = Annotated[
    Path | None, typer.Option(callback=input_folder, metavar="DIR", help="Folder of recordings to take instead.")
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Write into a folder that pcmesh did not write, too. What it holds stays."),
]
Workers = Annotated[
    int, typer.Option(min=1, max=256, metavar="N", help="Processes; the figures are the same for any number.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Compute everything again instead of going on with the last run.")]
