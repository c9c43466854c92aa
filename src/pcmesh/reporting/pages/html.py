"""HTML pages that carry everything they show: style, figures and text, no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pcmesh.durations import format_duration

MISSING = "-"


def render(template: str, **values: Any) -> str:
    """Return the page that a template in `reporting/templates` makes of the values."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pcmesh.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, number=number, duration=format_duration)
    return environment


def percent(share: float | None, digits: int = 2) -> str:
    """Return a share as a percentage, or a dash where there is none."""
    return MISSING if share is None else f"{100 * share:.{digits}f} %"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with that many significant digits, or a dash where there is none."""
    return MISSING if value is None else f"{value:,.{digits}g}"


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested values as rows of dotted key and text, in their order."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows.extend(flatten(value, f"{prefix}{key}."))
        else:
            rows.append((f"{prefix}{key}", MISSING if value is None else str(value)))
    return rows
