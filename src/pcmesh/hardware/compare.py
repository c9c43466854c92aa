"""A chip's values in words, and what differs between two chips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel

from pcmesh.hardware.describe import sources, tables, unit
from pcmesh.hardware.load import load_chip
from pcmesh.hardware.spec import ChipSpec

OWN = "this chip's"


@dataclass(frozen=True)
class Value:
    """One key of a chip.

    Attributes:
        table, key, unit, meaning: of the key.
        shown: its value in words.
        standing, note: where the preset's value is from; where a chip's differs: that, and the preset's value.
    """

    table: str
    key: str
    shown: str
    unit: str
    standing: str
    note: str
    meaning: str

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True)
class KeyDifference:
    """A key that two chips hold different values of; a value that one lacks is "-"."""

    key: str
    old: str
    new: str
    unit: str

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def chip_values(chip: ChipSpec) -> list[Value]:
    """Return every key of a chip but the landing pads, table by table."""
    preset = load_chip()
    source = {(entry.table, entry.key): entry for entry in sources()}
    found = []
    for table, spec in tables():
        for key, field in spec.model_fields.items():
            if (table, key) == ("grid", "pads"):
                continue
            value, usual = getattr(getattr(chip, table), key), getattr(getattr(preset, table), key)
            if value == usual:
                standing, note = source[table, key].standing, source[table, key].note
            else:
                standing, note = OWN, f"{preset.name}: {_shown(usual)}"
            found.append(Value(table, key, _shown(value), unit(key), standing, note, field.description or ""))
    return found


def differences(old: ChipSpec, new: ChipSpec) -> list[KeyDifference]:
    """Return every key of which two chips hold different values; landing pads one by one, by their domain."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    keys = [*before, *(key for key in after if key not in before)]
    return [
        KeyDifference(key, before.get(key, "-"), after.get(key, "-"), unit(key))
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _leaves(spec: BaseModel, path: str = "") -> Iterator[tuple[str, str]]:
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{path}{name}.")
        elif name == "pads":
            for pad in value:
                for key in ("edge", "ilp_row", "olp_row"):
                    yield f"{path}{name}.{pad.domain}.{key}", _shown(getattr(pad, key))
        elif path or name != "name":
            yield f"{path}{name}", _shown(value)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        rows = [", ".join(map(_shown, row)) for row in value]
        return " ".join(f"[{row}]" for row in rows) if rows else "none"
    return str(value)
