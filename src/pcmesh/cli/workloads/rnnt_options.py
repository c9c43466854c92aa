"""Options that the commands of `pcmesh rnnt` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pcmesh.cli.paths import checkpoint_file, chip_name, input_folder, json_target

EngineName = Literal["float", "chip"]

Checkpoint = Annotated[
    Path | None,
    typer.Option(
        callback=checkpoint_file,
        metavar="FILE",
        help="Another network than the plain one that ships: hardware-aware (retrained for the chip, ships too), or a "
        "file in MLPerf's format (.pt) or safetensors.",
    ),
]
Engine = Annotated[
    EngineName, typer.Option(metavar="ENGINE", help="What computes: float (software, float32) or chip (simulated).")
]
Json = Annotated[Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file.")]
Layers = Annotated[
    str,
    typer.Option(
        metavar="NAMES", help="Layers on the chip: all, or some of enc-lstm0..4, enc-fc, dec-lstm0, dec-lstm1, dec-fc."
    ),
]
Expand = Annotated[
    int | None,
    typer.Option(min=1, max=65_536, metavar="N", help="Weight expansion of Enc-LSTM0 Wx to N rows, instead of copies."),
]
Copies = Annotated[
    int, typer.Option(min=1, max=1_000, metavar="N", help="Copies of Enc-LSTM0's inputs, without expansion.")
]
Age = Annotated[
    str, typer.Option(metavar="AGE", help="Age of the weights since programming and calibration: 1h, 1d, 1w, 1mo.")
]
Chip = Annotated[
    str,
    typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file (docs/chip.md)."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of everything random; the same seed, the same figures.")]
NoMesh = Annotated[
    bool, typer.Option("--no-mesh", help="Leave out what wires do to pulses: faster, errors of some ns less.")
]
OneGain = Annotated[
    bool,
    typer.Option(
        "--one-gain", help="Write all columns of a layer with one gain, as the paper; without, each with its own."
    ),
]
Calibration = Annotated[
    Path | None,
    typer.Option(
        callback=input_folder,
        metavar="DIR",
        help="Recordings of the training set to calibrate on; without, synthetic sentences.",
    ),
]
