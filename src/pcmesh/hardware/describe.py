"""Every key of a chip file in words: its unit, what it may be, what it means, and where the preset's value is from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pcmesh.hardware.spec import ChipSpec
from pcmesh.hardware.storage import DEVICE_LAWS

UNITS: Final = {"us": "µS", "v": "V", "mv": "mV", "ff": "fF", "ns": "ns", "s": "s"}
STANDINGS: Final = {"P": "stated", "D": "derived", "F": "fitted", "A": "assumed"}
"""Marks in the preset's comments."""
LAWS: Final = ", ".join([*(f'"{name}"' for name in DEVICE_LAWS.shipped), "a package's", "a CSV file"])
_SIGNS: Final = ((">=", "ge"), (">", "gt"), ("<=", "le"), ("<", "lt"))
_KINDS: Final[Mapping[object, str]] = {int: "whole number", float: "number", str: "text"}


@dataclass(frozen=True)
class Source:
    """Where a value of the preset `nature2023` is from: its standing and a note."""

    table: str
    key: str
    text: str
    standing: str
    note: str


def tables() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the name and the specification of every table of a chip file."""
    for name, field in ChipSpec.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def unit(key: str) -> str:
    """Return the unit that a key's name ends with."""
    return UNITS.get(key.rsplit("_", 1)[-1], "")


def limits(field: FieldInfo) -> str:
    """Return what a value may be: its choices, or its type and bounds; of a union, those of its parts."""
    kinds = (
        (field.annotation,) if get_origin(field.annotation) not in (Union, UnionType) else get_args(field.annotation)
    )
    return ", ".join(_limits(kind, field.metadata) for kind in kinds if kind is not NoneType)


def bounds(metadata: Sequence[Any]) -> dict[str, Any]:
    """Return the bounds of a number in a field's metadata, by their sign: >=, >, <=, <."""
    found: dict[str, Any] = {}
    for entry in metadata:
        for sign, kind in _SIGNS:
            if isinstance(entry, getattr(annotated_types, kind.capitalize())):
                found[sign] = getattr(entry, kind)
    return found


def spec_at(path: Sequence[str | int]) -> type[BaseModel] | None:
    """Return the specification of a table such as ("grid", "pads", 0); () is the file; None: no such table."""
    spec: type[BaseModel] = ChipSpec
    for part in path:
        if isinstance(part, int):
            continue
        field = spec.model_fields.get(part)
        annotation: Any = None if field is None else field.annotation
        inner = get_args(annotation)[0] if get_origin(annotation) is tuple else annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        spec = inner
    return spec


def field_at(path: Sequence[str | int]) -> FieldInfo | None:
    """Return the field of a key such as ("grid", "pads", 0, "edge"); None: no such key."""
    names = [part for part in path if isinstance(part, str)]
    spec = spec_at(names[:-1]) if names else None
    return None if spec is None else spec.model_fields.get(names[-1])


@cache
def sources() -> tuple[Source, ...]:
    """Return where each value of the preset `nature2023` is from, as its comments say."""
    text = (resources.files("pcmesh.hardware") / "presets" / "nature2023.toml").read_text(encoding="utf-8")
    found, table, standing_of_table = [], "", ""
    for line in text.splitlines():
        if heading := re.match(r"\[(\w+)\]", line):
            table, standing_of_table = heading[1], _standing(line).rpartition(", ")[2]
        entry = re.match(r"(\w+) = (.*?)\s*(?:# (.*))?$", line)
        if entry and table:
            note = entry[3] or ""
            standing = _standing(note) or standing_of_table or "published law"
            note = re.sub(r"\[[PDFA]\]", "", note).replace(" ;", ";").strip()
            found.append(Source(table, entry[1], _number(entry[2]), standing, note))
    return tuple(found)


def _limits(annotation: Any, metadata: Sequence[Any]) -> str:
    choices = [arg for arg in get_args(annotation) if isinstance(arg, str)]
    if choices:
        return ", ".join(f'"{choice}"' for choice in choices)
    found = bounds(metadata)
    if found.get(">=") == found.get("<=") is not None:
        return f"{found['>=']}"
    kind = _KINDS.get(annotation, "list")
    return " ".join([kind, ", ".join(f"{sign} {value}" for sign, value in found.items())]).strip()


def _standing(note: str) -> str:
    """Return the standings that a comment's marks name, in their order."""
    return ", ".join(dict.fromkeys(STANDINGS[mark] for mark in re.findall(r"\[([PDFA])[\]:]", note)))


def _number(text: str) -> str:
    if text.endswith("["):
        return "one entry each"
    value = tomllib.loads(f"value = {text}")["value"]
    return f"{value:g}" if isinstance(value, float) else str(value)
