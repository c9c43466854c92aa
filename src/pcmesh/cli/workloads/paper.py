"""`pcmesh paper`: every claim of the paper beside what pcmesh finds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pcmesh.cli.output import console, progress, table, write_report, write_result
from pcmesh.cli.paths import (
    check_folder,
    checkpoint_file,
    chip_name,
    folder_target,
    input_file,
    input_folder,
    json_target,
)

RUNS = Path("runs/paper")
_FEW = 12
"""So many claims are shown with their notes."""


def paper(
    full: Annotated[
        bool, typer.Option("--full/--quick", help="All there is, or what takes less than 3 minutes.")
    ] = False,
    only: Annotated[str | None, typer.Option(metavar="ID[,ID...]", help="Only these claims, by number.")] = None,
    gsc: Annotated[
        Path | None,
        typer.Option(
            callback=input_folder, metavar="DIR", help="Folder of Speech Commands; without it, synthetic speech."
        ),
    ] = None,
    librispeech: Annotated[
        Path | None, typer.Option(callback=input_folder, metavar="DIR", help="Folder of LibriSpeech's dev-clean.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(callback=checkpoint_file, metavar="FILE", help="MLPerf's published RNN-T.")
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(callback=input_file, metavar="FILE", help="MLPerf's list of dev-clean; without it, stand-ins."),
    ] = None,
    chip: Annotated[
        str, typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file.")
    ] = "nature2023",
    utterances: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Sentences for the RNN-T: 100, with --full 200, or all of LibriSpeech's."
        ),
    ] = None,
    chips: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Chip instances: 2, with --full 10 for keywords and 5 for the RNN-T."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of everything random.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute everything anew instead of going on.")] = False,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file too.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=folder_target,
            metavar="DIR",
            help="Folder for result.json and report.html; without --only: runs/paper.",
        ),
    ] = None,
) -> None:
    """Compute or simulate what the paper claims, one row per claim: paper, ours, how, deviation.

    Finished claims are kept, so that a run cut off goes on; [bold]pcmesh paper --only 39[/bold] gives one claim alone.
    """
    from pcmesh.reporting.pages.paper import render_paper
    from pcmesh.studies.paper.experiments import PaperOptions
    from pcmesh.studies.paper.run import run_paper

    options = PaperOptions(
        full=full,
        seed=seed,
        chip=chip,
        gsc=gsc,
        librispeech=librispeech,
        checkpoint=checkpoint,
        manifest=manifest,
        utterances=utterances,
        chips=chips,
    )
    numbers, kept = parse_numbers(only), (out or RUNS) / "finished"
    check_folder(kept)
    with progress() as report:
        result = run_paper(options, numbers, kept, fresh, report)
    _show(result)
    folder = out if numbers else out or RUNS
    written = write_result(result, json, folder)
    if folder is not None:
        written.append(write_report(render_paper(result), folder))
    if written:
        console().print("Written: " + ", ".join(str(path) for path in written))


def parse_numbers(text: str | None) -> tuple[int, ...]:
    """Return the numbers of `3,7,12`; none for None.

    Raises:
        InputError: it is no such list.
    """
    from pcmesh.errors import InputError

    if text is None:
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--only {text}: is no list of numbers", "Write e.g. --only 39 or --only 17,39,70") from error


def _show(result: dict[str, Any]) -> None:
    from pcmesh.reporting.claims import deviation_text, value_text

    rows: list[tuple[str, ...]] = []
    for row in result["claims"]:
        unit = f" {row['unit']}" if row["unit"] and not isinstance(row["paper"], list | tuple) else ""
        ours = value_text(row["ours"])
        cells = (row["claim"], value_text(row["paper"], row["relation"]) + unit, ours, row["how"], deviation_text(row))
        rows.append((str(row["id"]), *cells))
        rows += [("", f"  {also['label']}", "", value_text(also["value"]), also["how"], "") for also in row["also"]]
    title = f"The paper's claims on {result['chip']}, {result['mode']}"
    console().print(table(title, ("Id", "Claim", "Paper", "Ours", "How", "Deviation"), rows))
    counts = ", ".join(f"{count} {how}" for how, count in sorted(result["by_kind"].items()))
    console().print(f"{len(result['claims'])} claims: {counts}")
    if len(result["claims"]) > _FEW:
        console().print("Notes to each and its command: report.html, result.json")
        return
    for row in result["claims"]:
        notes = [("", row["note"]), *((f", {also['label']}", also["note"]) for also in row["also"])]
        for label, note in notes:
            if note:
                console().print(f"{row['id']}{label}: {note}", markup=False)
