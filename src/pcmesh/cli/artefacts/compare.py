"""`pcmesh compare`: two results of one command side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.output import RESULT_FILE, console, table, write_result
from pcmesh.cli.paths import input_path, json_target

_MOST_ROWS = 60

First = Annotated[
    Path, typer.Argument(callback=input_path, metavar="A", help=f"A result, or a folder that holds a {RESULT_FILE}.")
]
Second = Annotated[Path, typer.Argument(callback=input_path, metavar="B", help="Another one of the same command.")]


def compare(
    first: First,
    second: Second,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the figures to this file.")
    ] = None,
) -> None:
    """Compare two results: what was asked for, which figures differ, and whether the same chips decide it.

    Type first: [bold]pcmesh kws --out a[/bold], then [bold]pcmesh kws --no-ab --out b[/bold].
    """
    from pcmesh.analysis.results.two_results import compare_results

    found = compare_results(read_result(first), read_result(second))
    if found.asked:
        asked = [(entry.key, _word(entry.first), _word(entry.second)) for entry in found.asked[:_MOST_ROWS]]
        console().print(table("What was asked for", ("", "A", "B"), asked))
    rows = [
        (f.key, _number(f.first), _number(f.second), f"{f.change:+,.4g}", _percent(f.relative))
        for f in found.figures[:_MOST_ROWS]
    ]
    names = ("Figure", "A", "B", "B - A", "relative")
    console().print(f"Figures that differ: {len(found.figures)}; the same: {found.same}")
    if rows:
        console().print(table("", names, rows))
    more = max(len(found.figures), len(found.asked)) - _MOST_ROWS
    if more > 0:
        console().print(f"... and {more} more: --json FILE has all")
    if found.paired:
        paired = [(p.key, p.chips, f"{p.mean:+.4g}", f"{p.low:+.4g} to {p.high:+.4g}", p.verdict) for p in found.paired]
        names = ("Chip by chip, B - A", "Chips", "Mean", "95 % interval", "")
        console().print(table("The same chips", names, paired))
    if found.unpaired:
        console().print(f"No comparison chip by chip: {found.unpaired}")
    write_result({"first": str(first), "second": str(second), **found.as_json()}, json, None)


def read_result(path: Path) -> dict[str, object]:
    """Return the result in a file, or in a folder that holds one.

    Raises:
        InputError: there is none, or it is no result.
    """
    from pcmesh.errors import InputError
    from pcmesh.files.reading import read_json

    remedy = "Give the JSON that a command wrote with --json or into its folder"
    result = read_json(path / RESULT_FILE if path.is_dir() else path, remedy)
    if not isinstance(result, dict):
        raise InputError(f"{path}: holds a {type(result).__name__}, no result", remedy)
    return result


def _word(value: object) -> str:
    return "-" if value is None else str(value)


def _number(value: float) -> str:
    return f"{value:,.6g}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:+.2%}"
