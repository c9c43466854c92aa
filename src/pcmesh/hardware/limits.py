"""Which limits a chip breaks: all of them at once, in our own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from pcmesh.errors import ConfigurationError
from pcmesh.hardware.base import RELATION, Broken
from pcmesh.hardware.describe import LAWS, bounds, field_at, limits, spec_at
from pcmesh.hardware.spec import ChipSpec

_MOST_SHOWN = 80
"""Characters of a wrong value."""
_MOST_PASSES = 4
_MOST_NAMED = 5


@dataclass
class ChipError(ConfigurationError):
    """A chip that breaks limits; `broken` has all of them."""

    broken: tuple[Broken, ...] = ()


def chip_error(source: str, broken: Sequence[Broken]) -> ChipError:
    """Return the error of a chip from a source (a file, a preset's name) that breaks limits."""
    described = "docs/chip.md lists every key with its unit and limits"
    if len(broken) == 1:
        return ChipError(f"{source}: {broken[0]}", f"{broken[0].remedy} ({described})", tuple(broken))
    some = "; ".join(f"({number}) {entry}" for number, entry in enumerate(broken[:_MOST_NAMED], 1))
    more = f"; and {len(broken) - _MOST_NAMED} more" if len(broken) > _MOST_NAMED else ""
    remedy = f"`pcmesh chip check FILE` has the remedy of each; {described}"
    return ChipError(f"{source} breaks {len(broken)} limits: {some}{more}", remedy, tuple(broken))


def check_values(values: Mapping[str, Any], reference: Mapping[str, Any]) -> tuple[ChipSpec | None, tuple[Broken, ...]]:
    """Return the chip of these values, or None and every limit that they break.

    Limits of several keys are looked at with `reference` in place of keys that are wrong by themselves; those that
    such a key takes part in are left out.
    """
    tried, broken = deepcopy(dict(values)), dict[str, Broken]()
    replaced: set[tuple[str, ...]] = set()
    for _ in range(_MOST_PASSES):
        try:
            chip = ChipSpec.model_validate(tried)
        except ValidationError as error:
            before = len(broken)
            for entry in error.errors():
                location = entry["loc"]
                if entry["type"] == RELATION:
                    _add(broken, _relations(location, entry["ctx"]["broken"], replaced))
                else:
                    _add(broken, [_of_one_key(entry, reference)])
                    replaced.add(_replace(tried, location, reference))
            if len(broken) == before:
                break
        else:
            return (None if broken else chip), tuple(broken.values())
    return None, tuple(broken.values())


def shown(value: object) -> str:
    """Return a wrong value as it is written, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number with thousands of digits"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _add(broken: dict[str, Broken], more: Sequence[Broken]) -> None:
    for entry in more:
        broken.setdefault(str(entry), entry)


def _relations(location: tuple[Any, ...], found: Sequence[Broken], replaced: set[tuple[str, ...]]) -> list[Broken]:
    table = tuple(map(str, location))
    return [
        Broken(tuple(".".join((*table, key)) for key in entry.keys), entry.value, entry.limit, entry.remedy)
        for entry in found
        if not replaced & {table, *((*table, key) for key in entry.keys)}
    ]


def _replace(values: dict[str, Any], location: tuple[Any, ...], reference: Mapping[str, Any]) -> tuple[str, ...]:
    """Put the reference's value in the place of a wrong one; return the key that was replaced."""
    key = tuple(map(str, location[:2]))
    table, given = values.get(key[0]), reference.get(key[0])
    if len(key) == 2 and isinstance(table, dict) and isinstance(given, Mapping):
        inner, source, name = table, given, key[1]
    else:
        inner, source, name, key = values, reference, key[0] if key else "", key[:1]
    if name in source:
        inner[name] = deepcopy(source[name])
    else:
        inner.pop(name, None)
    return key


def _of_one_key(error: Mapping[str, Any], reference: Mapping[str, Any]) -> Broken:
    """Return in our words what pydantic found wrong with one key."""
    location = error["loc"]
    key = ".".join(map(str, location)) or "chip"
    if error["type"] == "extra_forbidden":
        return Broken((key,), "", "no such key", _meant(location))
    field = field_at(location)
    meaning = "" if field is None or not field.description else f" ({field.description})"
    if error["type"] == "missing":
        return Broken((key,), "", f"is missing{meaning}", "Add it")
    value = "a table" if isinstance(error.get("input"), Mapping) else shown(error.get("input"))
    if error["type"] == "value_error":
        return Broken((key,), value, str(error["ctx"]["error"]), _otherwise(location, reference))
    return Broken((key,), value, f"must be {_may_be(location)}", _otherwise(location, reference))


def _may_be(location: tuple[Any, ...]) -> str:
    field = field_at(location)
    if field is None or (spec_at(location) is not None and tuple(location[:2]) != ("grid", "pads")):
        return "a table"
    if tuple(location) == ("pcm", "law"):
        return f"one of {LAWS}"
    if tuple(location[:2]) == ("grid", "gaps"):
        return "a list of places [row, column], whole numbers from 0"
    words = limits(field)
    if words.startswith('"'):
        return f"one of {words}"
    special = {"list": "a list of at least one table", "number": "a finite number"}
    first, _, rest = words.partition(" ")
    return f"{special.get(first, f'a {first}')} {rest}".strip()


def _otherwise(location: tuple[Any, ...], reference: Mapping[str, Any]) -> str:
    """Return the remedy for a value that cannot be: the nearest that can, or what stands where it is left out."""
    field, default = field_at(location), _at(reference, location)
    ends = {} if field is None else bounds(field.metadata)
    if ">=" in ends and "<=" in ends:
        take = f"Take {ends['>=']} to {ends['<=']}"
    else:
        take = f"Take {ends['>=']} or more" if ">=" in ends else "Take another value"
    return take if default is None else f"{take}, or leave it out: {shown(default)}"


def _at(values: Mapping[str, Any], location: tuple[Any, ...]) -> Any:
    found: Any = values
    for part in location:
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return None if isinstance(found, Mapping) else found


def _meant(location: tuple[Any, ...]) -> str:
    *path, wrong = location
    spec = spec_at(path)
    known = () if spec is None else tuple(spec.model_fields)
    near = get_close_matches(str(wrong), known, 1, 0.5)
    where = f"[{'.'.join(part for part in path if isinstance(part, str))}]" if path else "a chip file"
    return f"Is {near[0]} meant?" if near else f"Keys of {where}: {', '.join(known)}"
