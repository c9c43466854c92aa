"""`pcmesh laws`: the chip's published behaviours beside what the twin shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcmesh.cli.output import console, progress, write_result
from pcmesh.cli.paths import check_folder, chip_name, folder_target, json_target
from pcmesh.cli.workloads.laws_tables import show_budget, show_fit, show_laws

if TYPE_CHECKING:
    from pcmesh.studies.laws.options import Setting

RUNS = Path("runs/laws")


def laws(
    network: Annotated[
        str,
        typer.Option(
            metavar="NETWORK",
            help="Whose laws: all, rnnt, kws, or your network's (FILE.py:FUNCTION); the chip's own are always there.",
        ),
    ] = "all",
    example: Annotated[
        str | None, typer.Option(metavar="EXPRESSION", help="Input of your network: 'torch.randn(64, 784)'.")
    ] = None,
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
    named = network in ("all", "rnnt", "kws")
    if not named and (":" not in network or example is None or budget or fit):
        raise ConfigurationError(
            f"--network {network}: is none of all, rnnt, kws, and no network of yours with an input",
            "--network FILE.py:FUNCTION --example 'torch.randn(64, 784)', without --budget and --fit",
        )
    options = LawOptions(network=network if named else "own", seed=seed)  # type: ignore[arg-type]
    options = options.quickly() if quick else options
    options = options if chips is None else options.with_chips(chips)
    check_folder(out)
    with progress() as report:
        setting = Setting(chip=load_chip(chip), options=options, work=out / "finished", fresh=fresh, report=report)
        if named:
            result, show = _asked(setting, budget, fit)
        else:
            result, show = _own(setting, network, example or ""), show_laws
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


def _own(setting: Setting, network: str, example: str) -> dict[str, Any]:
    """Return the laws that a user's network shows."""
    from pcmesh.analysis.user_code import example_of, user_model
    from pcmesh.studies.laws.own import OwnChips, own_entries
    from pcmesh.studies.laws.run import run_laws

    chips = OwnChips(setting, user_model(network), example_of(example))
    return run_laws(setting, own_entries(chips))
