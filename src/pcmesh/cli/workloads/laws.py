"""`pcmesh laws`: the chip's published behaviours beside what the twin shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pcmesh.cli.output import console, progress, table, write_result
from pcmesh.cli.paths import check_folder, chip_name, folder_target, json_target

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
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure everything again instead of going on.")] = False,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file too.")
    ] = None,
    out: Annotated[Path, typer.Option(callback=folder_target, metavar="DIR", help="Folder for result.json.")] = RUNS,
) -> None:
    """Show what the chip was seen to do and what its twin does: one row a law.

    Each law says whether a constant of the chip was fitted to it or whether it is predicted. Finished measurements are
    kept, so that a run cut off goes on. Speech is synthetic and held out.
    """
    from pcmesh.hardware import load_chip
    from pcmesh.studies.laws.options import LawOptions, Setting
    from pcmesh.studies.laws.run import run_laws

    options = LawOptions(network=network, seed=seed)
    options = options.quickly() if quick else options
    options = options if chips is None else options.with_chips(chips)
    check_folder(out)
    with progress() as report:
        setting = Setting(chip=load_chip(chip), options=options, work=out / "finished", fresh=fresh, report=report)
        result = run_laws(setting)
    _show(result)
    console().print("Written: " + ", ".join(str(path) for path in write_result(result, json, out)))


def _show(result: dict[str, Any]) -> None:
    rows = [
        (one["observation"], _paper(one), _ours(one), one["standing"], _agrees(one["agrees"])) for one in result["laws"]
    ]
    chips = result["configuration"]["chips"]
    title = f"The chip's laws on {result['chip']}, {chips} chips in every arm; {result['data']}"
    console().print(table(title, ("Law", "Paper", "Twin (95 % interval)", "Standing", "Agrees"), rows))
    for one in result["laws"]:
        if one["agrees"] is not True and one["note"]:
            console().print(f"{one['observation']}: {one['note']}", markup=False)
    for standing in ("predicted", "fitted"):
        found = result[standing]
        text = f"{found['agree']} agree, {found['disagree']} do not, {found['not_decided']} not decided"
        console().print(f"{standing.capitalize()}: {text}")


def _agrees(value: bool | None) -> str:
    return "not decided" if value is None else "yes" if value else "NO"


def _paper(one: dict[str, Any]) -> str:
    if one["said"]:
        return str(one["said"])
    sign = {"equal": "", "at most": "≤ ", "at least": "≥ "}[one["rule"]]
    return sign + _values(one["paper"]) + (f" {one['unit']}" if one["unit"] else "")


def _ours(one: dict[str, Any]) -> str:
    if one["ours"] is None:
        return "-"
    single = not isinstance(one["ours"], list)
    pairs = zip(*(([one[name]] if single else one[name]) for name in ("ours", "ci95")), strict=True)
    shown = "; ".join(_estimate(value, interval) for value, interval in pairs)
    return shown + (f" {one['unit']}" if one["unit"] else "")


def _estimate(value: float, interval: list[float] | None) -> str:
    if interval is None or interval[0] == interval[1]:
        return f"{value:.3g}"
    return f"{value:.3g} ({interval[0]:.3g} to {interval[1]:.3g})"


def _values(values: float | list[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in (values if isinstance(values, list) else [values]))
