"""A measured device as a table: what a user's CSV file holds, checked line by line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pcmesh.errors import InputError
from pcmesh.files.reading import read_csv

COLUMNS = ("target_us", "mean_us", "sigma_us", "drift", "read_noise_us")


class DeviceRow(NamedTuple):
    """Devices of one target: what programming leaves on them, how they drift, and the noise of one read.

    Conductances in µS; `drift` is the exponent ν of G(t) = G·(t / t_0)^-ν.
    """

    target_us: float
    mean_us: float
    sigma_us: float
    drift: float
    read_noise_us: float


def is_device_table(law: str) -> bool:
    """Return whether a law's name is that of a CSV file."""
    return law.lower().endswith(".csv")


def read_device_table(path: Path) -> tuple[DeviceRow, ...]:
    """Return the rows of a CSV file with a device's figures.

    Raises:
        InputError: it cannot be read, lacks a column, or a line holds no number or one that cannot be; named.
    """
    lines, rows = [], []
    for line, cells in read_csv(path, COLUMNS):
        lines.append(line)
        rows.append(DeviceRow(*(_number(path, line, name, cells[name]) for name in COLUMNS)))
    problem = first_problem(rows)
    if problem is not None:
        position, what = problem
        where = f"{path}, line {lines[position]}" if lines else str(path)
        raise InputError(f"{where}: {what}", "docs/extending.md has an example of a device's table")
    return tuple(rows)


def first_problem(rows: Sequence[DeviceRow]) -> tuple[int, str] | None:
    """Return the position of the first row that cannot be, and why; None where all can."""
    if len(rows) < 2:
        return len(rows) - 1, f"{len(rows)} rows, at least 2 are needed"
    before = -1.0
    for position, row in enumerate(rows):
        negative = next((name for name in COLUMNS if getattr(row, name) < 0), None)
        if negative is not None:
            return position, f"{negative} = {getattr(row, negative):g} is negative"
        if position == 0 and row.target_us != 0:
            return position, f"target_us = {row.target_us:g}, the first one must be 0"
        if row.target_us <= before:
            return position, f"target_us = {row.target_us:g} does not exceed the {before:g} before it"
        before = row.target_us
    return None


def _number(path: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}, line {line}: {name} = {text[:40]!r} is no finite number", "Write numbers like 12.5")
    return value
