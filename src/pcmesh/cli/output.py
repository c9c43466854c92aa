"""What the commands print and write: tables for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from pcmesh.cli.paths import STANDARD_OUTPUT, standard_output
from pcmesh.files.writing import json_text, write_json, write_text
from pcmesh.progress import Progress
from pcmesh.versions import versions

WIDTH = 100
RESULT_FILE = "result.json"
REPORT_FILE = "report.html"


@cache
def console(error: bool = False) -> Console:
    """Return the console of standard output (or error), at most 100 columns wide, 100 where it is no terminal."""
    found = Console(stderr=error, highlight=False)
    found.width = min(found.width, WIDTH) if found.is_terminal else WIDTH
    return found


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table; a column whose every cell begins like a number is set right."""
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(_is_number(str(row[index])) for row in rows)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made


def facts(title: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Return a table of names and values without a header."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
    made.add_column(overflow="fold", min_width=34)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, value)
    return made


@contextmanager
def progress() -> Iterator[Progress]:
    """Yield `report(stage, done, total)`, which moves a bar per stage; it shows only on a terminal."""
    bars: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console(error=True), transient=True, disable=not sys.stderr.isatty()) as display:

        def report(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = display.add_task(stage, total=total)
            display.update(bars[stage], completed=done, total=total)

        yield report


def write_result(result: Mapping[str, Any], json_file: Path | None, run_dir: Path | None) -> list[Path]:
    """Write a result as JSON, with the versions that made it, to the file and the run's folder asked for.

    The file `-` is standard output. Returns the paths written. Raises InputError where one cannot be written.
    """
    complete = {**result, "versions": result.get("versions") or versions()}
    if json_file == STANDARD_OUTPUT:
        standard_output().write(json_text(complete))
        json_file = None
    paths = [path for path in (json_file, run_dir / RESULT_FILE if run_dir else None) if path is not None]
    for path in paths:
        write_json(path, complete)
    return paths


def write_report(html: str, run_dir: Path) -> Path:
    """Write a report beside the result it was rendered from."""
    path = run_dir / REPORT_FILE
    write_text(path, html)
    return path


def _is_number(text: str) -> bool:
    return text.lstrip("+-± ")[:1].isdigit() or text in ("", "-")
