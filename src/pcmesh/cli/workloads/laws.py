"""`pcmesh laws`: the chip's published behaviours beside what the twin shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pcmesh.cli.output import console, progress, write_result
from pcmesh.cli.paths import check_folder, chip_name, folder_target, json_target
from pcmesh.cli.workloads.laws_tables import show_budget, show_fit, show_laws

if TYPE_CHECKING:
    from pcmesh.studies.laws.options import Setting

RUNS = Path("runs/laws")


def laws(
    network: Annotated[
        Literal["all", "rnnt", "kws"],
        typer.Option(metavar="NETWORK", help="Whose laws: rnnt, kws, all; those of the chip alone are always shown."),
    ] = "all",
    quick: Annotated[
        bool, typer.Option("--quick/--whole", help="What takes less than 3 minutes; it decides fewer laws.")
    ] = False,
    chips: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Chip instances in every arm: 10, with --quick 3.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of everything random.")] = 0,
    chip: Annotated[
        str, typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file.")
    ] = "nature2023",
    budget: Annotated[
        bool, typer.Option("--budget", help="Instead, where a layer's error comes from, in AB and in 2-PCM.")
    ] = False,
    fit: Annotated[
        bool,
        typer.Option("--fit", help="Instead, each fitted constant again, and the laws without each. Takes long."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure everything again instead of going on.")] = False,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file too.")
    ] = None,
    out: Annotated[Path, typer.Option(callback=folder_target, metavar="DIR", help="Folder for result.json.")] = RUNS,
) -> None:
    """Show what the chip was seen to do and what its twin does: one row a law.

    Each law says whether a constant of the chip was fitted to it or whether it is predicted. Finished measurements are
    kept, so that a run cut off goes on. Speech is synthetic and held out.

    [bold]pcmesh laws --budget[/bold] switches every source of errors off in turn, and on alone.
    """
    from pcmesh.errors import ConfigurationError
    from pcmesh.hardware import load_chip
    from pcmesh.studies.laws.options import LawOptions, Setting

    if budget and fit:
        raise ConfigurationError("--budget and --fit are two questions", "Ask one of them at a time")
    options = LawOptions(network=network, seed=seed)
    options = options.quickly() if quick else options
    options = options if chips is None else options.with_chips(chips)
    check_folder(out)
    with progress() as report:
        setting = Setting(chip=load_chip(chip), options=options, work=out / "finished", fresh=fresh, report=report)
        result, show = _asked(setting, budget, fit)
    show(result)
    console().print("Written: " + ", ".join(str(path) for path in write_result(result, json, out)))


def _asked(setting: Setting, budget: bool, fit: bool) -> tuple[dict[str, Any], Callable[[dict[str, Any]], None]]:
    """Return what was asked for, and what prints it."""
    from pcmesh.studies.laws.budget import run_budget
    from pcmesh.studies.laws.fit import run_fit
    from pcmesh.studies.laws.run import run_laws

    if budget:
        return run_budget(setting), show_budget
    return (run_fit(setting), show_fit) if fit else (run_laws(setting), show_laws)
