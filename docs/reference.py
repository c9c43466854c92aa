"""Writes the generated parts of documents: `python docs/reference.py` (`make docs`).

Each generated part stands between `<!-- generated: name -->` and `<!-- end -->`; tests/docs checks that it is current.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import annotated_types
import grimp
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pcmesh.chip import DEVICE_LAWS, ChipSpec, load_chip
from pcmesh.chip.grid import PadSpec
from pcmesh.microcode.encoding import BANK, FORMS, MODE, WAIT, Field
from pcmesh.model.digital import DIGITAL_COSTS
from pcmesh.model.operations import operations_table
from pcmesh.performance.costs import load_costs

DOCS = Path(__file__).parent
UNITS = {"us": "µS", "v": "V", "mv": "mV", "ff": "fF", "ns": "ns", "s": "s"}
_OWNER = {
    "any": "For every controller",
    "place": "For tiles and bare places of the mesh",
    "tile": "For tiles",
    "ILP": "For input landing pads",
    "OLP": "For output landing pads",
}
LAWS = ", ".join([*(f'`"{name}"`' for name in DEVICE_LAWS.shipped), "a package's", "a CSV file"])
STATUS = {"P": "stated", "D": "derived", "F": "fitted", "A": "assumed"}


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the name and the spec of every table of a chip file."""
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


def _limits(annotation: Any, metadata: list[Any]) -> str:
    choices = [arg for arg in get_args(annotation) if isinstance(arg, str)]
    if choices:
        return ", ".join(f'`"{choice}"`' for choice in choices)
    bounds: dict[str, Any] = {}
    for entry in metadata:
        for sign, kind in ((">=", "ge"), (">", "gt"), ("<=", "le"), ("<", "lt")):
            if isinstance(entry, getattr(annotated_types, kind.capitalize())):
                bounds[sign] = getattr(entry, kind)
    if bounds.get(">=") == bounds.get("<=") is not None:
        return f"{bounds['>=']}"
    kinds: dict[object, str] = {int: "whole number", float: "number", str: "text"}
    kind = kinds.get(annotation, "list")
    return " ".join([kind, ", ".join(f"{sign} {value}" for sign, value in bounds.items())]).strip()


def chip_keys() -> str:
    """Return a table of keys for every table of a chip file."""
    chip = load_chip()
    parts = []
    tables: list[tuple[str, type[BaseModel]]] = [*sections(), ("grid.pads", PadSpec)]
    for name, spec in tables:
        parts += [f"### `[{name}]`", "", "| key | unit | may be | `nature2023` | meaning |", "|---|---|---|---|---|"]
        for key, field in spec.model_fields.items():
            value = "" if name == "grid.pads" else _shown(getattr(getattr(chip, name), key))
            may_be = LAWS if (name, key) == ("pcm", "law") else limits(field)
            cells = (f"`{key}`", unit(key), may_be, value, field.description or "")
            parts.append("| " + " | ".join(cells) + " |")
        parts.append("")
    return "\n".join(parts).strip()


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        places = [str(list(entry)) for entry in value if not isinstance(entry, BaseModel)]
        return f"`[{', '.join(places)}]`" if places else f"{len(value)} entries"
    return f"{value:g}" if isinstance(value, float) else str(value)


def chip_sources() -> str:
    """Return a table of every value of the preset `nature2023` with its unit, its standing and its note."""
    text = (resources.files("pcmesh.chip") / "presets" / "nature2023.toml").read_text(encoding="utf-8")
    rows = ["| value of `nature2023` | | unit | standing | note |", "|---|---|---|---|---|"]
    table, standing_of_table = "", ""
    for line in text.splitlines():
        if heading := re.match(r"\[(\w+)\]", line):
            table, standing_of_table = heading[1], _standing(line).rpartition(", ")[2]
        entry = re.match(r"(\w+) = (.*?)\s*(?:# (.*))?$", line)
        if entry and table:
            key, value, note = entry[1], entry[2], entry[3] or ""
            standing = _standing(note) or standing_of_table or "published law"
            note = re.sub(r"\[[PDFA]\]", "", note).replace(" ;", ";").strip()
            rows.append(f"| `{table}.{key}` | {_number(value)} | {unit(key)} | {standing} | {note} |")
    return "\n".join(rows)


def _standing(note: str) -> str:
    """Return the standings that a comment's marks name, in their order."""
    return ", ".join(dict.fromkeys(STATUS[mark] for mark in re.findall(r"\[([PDFA])[\]:]", note)))


def _number(text: str) -> str:
    if text.endswith("["):
        return "one entry each"
    value = tomllib.loads(f"value = {text}")["value"]
    return f"{value:g}" if isinstance(value, float) else str(value)


def instructions() -> str:
    """Return a table of the fields of every kind of instruction."""
    parts = [
        "| field | bits | meaning | values |",
        "|---|---|---|---|",
        *(_field_row(f) for f in (MODE, BANK, WAIT)),
        "",
    ]
    for form in FORMS:
        code = f"mode {form.mode}" + (f", bank {form.bank}" if MODE.names[form.mode] == "set" else "")
        parts += [
            f"### `{form.name}`",
            "",
            f"{form.meaning[0].upper()}{form.meaning[1:]}. {_OWNER[form.owner]} ({code})",
            "",
        ]
        if form.fields:
            parts += ["| field | bits | meaning | values |", "|---|---|---|---|"]
            parts += [*(_field_row(field) for field in form.fields), ""]
    return "\n".join(parts).strip()


def _field_row(field: Field) -> str:
    last = field.first_bit + field.width - 1
    values = ", ".join(f"{value} `{name}`" for value, name in enumerate(field.names)) or f"0 to {field.largest}"
    bits = f"{field.first_bit}" if last == field.first_bit else f"{field.first_bit}-{last}"
    return f"| `{field.name}` | {bits} | {field.meaning} | {values} |"


def energy_costs() -> str:
    """Return the table of what events cost."""
    rows = ["| cost | supply | pJ each | standing | what it stands for |", "|---|---|---|---|---|"]
    rows += [f"| {c.name} | {c.supply} | {c.pj:g} | {c.standing} | {c.note} |" for c in load_costs().cost]
    rows += ["", "| digital operations for | count | standing | note |", "|---|---|---|---|"]
    rows += [f"| {c.thing} | {c.operations} | {c.standing} | {c.note} |" for c in DIGITAL_COSTS]
    return "\n".join(rows)


def folders() -> str:
    """Return the table of folders, from top to bottom, with what each imports, as the code has it."""
    source = DOCS.parent / "src" / "pcmesh"
    settings = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(c["layers"] for c in settings["tool"]["importlinter"]["contracts"] if c["id"] == "layers")
    order = [name.strip("() ") for layer in layers for name in layer.split("|")]
    names = [name for name in order if (source / name).is_dir()]
    graph = grimp.build_graph("pcmesh", cache_dir=None)
    rows = ["| folder | what it is | imports |", "|---|---|---|"]
    for name in names:
        below = {
            target.split(".")[1]
            for module in (f"pcmesh.{name}", *graph.find_descendants(f"pcmesh.{name}"))
            for target in graph.find_modules_directly_imported_by(module)
            if target.startswith("pcmesh.")
        }
        text = (source / name / "__init__.py").read_text(encoding="utf-8")
        says = ast.get_docstring(ast.parse(text)) or ""
        used = ", ".join(other for other in names if other in below and other != name)
        rows.append(f"| `{name}/` | {says.splitlines()[0].rstrip('.') if says else ''} | {used} |")
    return "\n".join(rows)


GENERATED = {
    "operations.md": {"operations": operations_table},
    "performance.md": {"costs": energy_costs},
    "chip.md": {"keys": chip_keys},
    "physics.md": {"chip values": chip_sources},
    "microcode.md": {"instructions": instructions},
    "architecture.md": {"folders": folders},
}


def updated(name: str) -> str:
    """Return a document with its generated parts made anew."""
    text = (DOCS / name).read_text(encoding="utf-8")
    for part, make in GENERATED[name].items():
        start, end = f"<!-- generated: {part} -->\n", "<!-- end -->"
        before, found, rest = text.partition(start)
        if not found:
            raise ValueError(f"docs/{name}: no part '{part}'")
        text = before + start + make() + "\n" + end + rest.partition(end)[2]
    return text


if __name__ == "__main__":
    for document in GENERATED:
        (DOCS / document).write_text(updated(document), encoding="utf-8")
