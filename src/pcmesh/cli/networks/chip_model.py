"""`pcmesh summary` and `pcmesh evaluate`: a network of one's own, made by `pcmesh compile FILE.py:FUNCTION`."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcmesh.cli.output import REPORT_FILE, console, table, write_result
from pcmesh.cli.paths import json_target

if TYPE_CHECKING:
    from pcmesh.compiled import CompiledNetwork
    from pcmesh.deployed import ChipModel

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `pcmesh compile FILE.py:FUNCTION -o DIR`.")]
Json = Annotated[
    Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the figures to this file.")
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Write into a folder that pcmesh did not write, too. What it holds stays."),
]
Code = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.py:FUNCTION",
        help="The network's code, where torch.export cannot trace it. This code runs; nothing else in DIR does.",
    ),
]


def load_own(folder: Path, code: str | None) -> ChipModel:
    """Read what `pcmesh compile FILE.py:FUNCTION` wrote."""
    from pcmesh.deployed import load_model
    from pcmesh.deployed.user_code import user_model

    return load_model(folder, None if code is None else user_model(code, None))


@dataclass(frozen=True, kw_only=True)
class OwnNetwork:
    """What `pcmesh compile FILE.py:FUNCTION` is asked for."""

    network: str
    out: Path
    chip: str
    weights: Path | None
    example: str | None
    batch_dim: int | None
    calibration: str | None
    layers: list[str]
    route: bool
    hand_over: bool
    report: bool
    force: bool


def batch_dimension(text: str) -> int | None:
    """Return the dimension that `--batch-dim` names.

    Raises:
        ConfigurationError: it names none.
    """
    from pcmesh.errors import ConfigurationError

    if text == "none":
        return None
    if not text.isdecimal() or len(text) > 2:
        raise ConfigurationError(f"--batch-dim {text[:40]!r} is no dimension", "Give 0, 1, .. or none")
    return int(text)


def compile_own(asked: OwnNetwork, json: Path | None) -> None:
    """Compile a user's own network (`FILE.py:FUNCTION`) and print its summary."""
    from pcmesh.analysis.batches import user_batches
    from pcmesh.deployed import compile_model
    from pcmesh.deployed.choices.options import read_pins
    from pcmesh.deployed.user_code import example_of, user_model
    from pcmesh.errors import InputError
    from pcmesh.files.folders import check_place

    check_place(asked.out, "chip model", asked.force)
    recipe = recipe_of(asked.network)
    if asked.example is None and recipe is None:
        raise InputError("a network of your own needs an example input", "--example 'torch.randn(8, 1, 28, 28)'")
    model = user_model(asked.network, asked.weights)
    source = asked.calibration or (None if recipe is None else asked.network)
    batches = None if source is None else [batch.inputs for batch in user_batches(source, "calibration")]
    own = recipe or {}
    stated: dict[str, Any] = {"batch_dim": asked.batch_dim} if asked.batch_dim != 0 else {}
    stated |= {name: True for name in ("route", "hand_over") if getattr(asked, name)}
    with console(error=True).status(f"Compiling {asked.network}"):
        pins = {**own.pop("layers", {}), **read_pins(asked.layers)}
        inputs = batches[0] if asked.example is None and batches else example_of(asked.example or "")
        made = compile_model(model, inputs, asked.chip, calibration=batches, layers=pins, **{**own, **stated})
    write_model(made, asked.out, asked.report, asked.force, json)


def recipe_of(name: str) -> dict[str, Any] | None:
    """Return a workload's options of `pcmesh.compile`; None where the name is no workload's.

    Raises:
        ConfigurationError: one is none, or is the command line's own.
    """
    from pcmesh.checks import unknown
    from pcmesh.deployed import compile_model
    from pcmesh.deployed.workload import workload_of

    workload = workload_of(name)
    if workload is None:
        return None
    known = set(signature(compile_model).parameters) - {"model", "example_inputs", "chip", "calibration"}
    for option in workload.recipe:
        if option not in known:
            raise unknown(f"option of pcmesh.compile (recipe of the workload {name!r})", option, sorted(known))
    return dict(workload.recipe)


def write_model(model: ChipModel, out: Path, report: bool, force: bool, json: Path | None) -> None:
    """Write a chip model to a folder, with a report of its routed layers, and print its summary."""
    from pcmesh.files.folders import ROUTED

    compiled = model.deployment.compiled if report else None
    page = None if compiled is None else compiled_page(compiled)
    model.save(out, report=page, force=force)
    _show(model.summary(), model.figures(), json)
    written = [out] if page is None else [out, out / ROUTED / REPORT_FILE]
    console().print("Written: " + ", ".join(map(str, written)))


def compiled_page(compiled: CompiledNetwork) -> str:
    """Return the report of a compiled network."""
    from pcmesh.reporting import render_compiled

    return render_compiled(compiled.chip, compiled.mapping, compiled.placement, compiled.routing)


def summary(folder: Folder, code: Code = None, json: Json = None) -> None:
    """Say what of a compiled network is analog, what is digital and why, and what it takes.

    Type first: [bold]pcmesh compile model.py:make_model --example 'torch.randn(8, 64)' -o DIR[/bold]
    """
    model = load_own(folder, code)
    _show(model.summary(), model.figures(), json)


def evaluate(
    folder: Folder,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="FILE.py:FUNCTION that yields inputs or (inputs, labels), or safetensors with those."
        ),
    ],
    time: Annotated[str, typer.Option(metavar="TIME", help="Time since calibration: 1h, 1w, 1mo.")] = "0s",
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="Calibrate the read-out anew at that time.")
    ] = False,
    chips: Annotated[
        int, typer.Option(min=1, metavar="N", help="Chip instances: programmed anew, others than the first.")
    ] = 1,
    code: Code = None,
    json: Json = None,
) -> None:
    """Run a compiled network on one's own data, in software and on the chip."""
    from pcmesh.analysis.batches import user_batches
    from pcmesh.analysis.evaluate import evaluate as compare

    model = load_own(folder, code)
    batches = user_batches(data)
    found = []
    for number in range(chips):
        instance = model if number == 0 else model.on(number=model.deployment.instance.number + number)
        aged = instance.at(time) if time != "0s" else instance
        found.append(compare(aged.recalibrate() if recalibrate else aged, batches))
    percent = [
        [n, e.samples, f"{e.error:.3f}", f"{e.same_choice:.2%}", _share(e.software_accuracy), _share(e.chip_accuracy)]
        for n, e in enumerate(found)
    ]
    head = ("chip", "samples", "error/spread", "same choice", "right in software", "right on chip")
    console().print(table(f"{folder}, {time} after calibration", head, percent))
    asked = {"time": time, "recalibrated": recalibrate, "seed": model.deployment.instance.seed}
    write_result(asked | {"chips": [e.as_json() for e in found]}, json, None)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _show(text: str, figures: dict[str, object], json: Path | None) -> None:
    console().print(text, markup=False, soft_wrap=True)
    write_result(figures, json, None)
