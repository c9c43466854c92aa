"""`pcmesh explain`: which imperfections were on, what limited a result, what to try next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.artefacts.compare import read_result
from pcmesh.cli.output import RESULT_FILE, console, table, write_result
from pcmesh.cli.paths import input_path, json_target


def explain(
    result: Annotated[
        Path,
        typer.Argument(
            callback=input_path, metavar="RESULT", help=f"A result, or a folder that holds a {RESULT_FILE}."
        ),
    ],
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the explanation to this file.")
    ] = None,
) -> None:
    """Say what limited a result, from the figures in it, and what to try next."""
    from pcmesh.analysis.results.explain import explain as explained

    found = explained(read_result(result), shlex.quote(str(result)))
    if found.imperfections:
        rows = [("on" if entry.on else "off", entry.name, entry.values) for entry in found.imperfections]
        console().print(table("Imperfections of the chip that ran", ("", "What", "Values"), rows))
    else:
        console().print("Which imperfections were on: the result does not hold its chip")
    for name, on in found.choices:
        console().print(f"{name}: {'on' if on else 'off'}")
    console().print("\nWhat the figures say")
    for sentence in found.findings:
        console().print(f"- {sentence}", markup=False, soft_wrap=True)
    console().print("\nWhat to try next")
    for entry in found.suggestions:
        console().print(f"{entry.command}   # {entry.why}", markup=False, soft_wrap=True)
    write_result({"result": str(result), **found.as_json()}, json, None)
