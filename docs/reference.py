"""Writes the generated parts of documents: `python docs/reference.py` (`make docs`).

Each generated part stands between `<!-- generated: name -->` and `<!-- end -->`; tests/docs checks that it is current.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import grimp
from pydantic import BaseModel

from pcmesh.hardware import describe, load_chip
from pcmesh.hardware.grid import PadSpec
from pcmesh.microcode.encoding import BANK, FORMS, MODE, WAIT, Field
from pcmesh.network.operations.digital import DIGITAL_COSTS
from pcmesh.network.operations.table import operations_table
from pcmesh.performance.costs import load_costs

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from api import public_names  # noqa: E402

_OWNER = {
    "any": "For every controller",
    "place": "For tiles and bare places of the mesh",
    "tile": "For tiles",
    "ILP": "For input landing pads",
    "OLP": "For output landing pads",
}


def chip_keys() -> str:
    """Return a table of keys for every table of a chip file."""
    chip = load_chip()
    parts = []
    tables: list[tuple[str, type[BaseModel]]] = [*describe.tables(), ("grid.pads", PadSpec)]
    for name, spec in tables:
        parts += [f"### `[{name}]`", "", "| key | unit | may be | `nature2023` | meaning |", "|---|---|---|---|---|"]
        for key, field in spec.model_fields.items():
            value = "" if name == "grid.pads" else _shown(getattr(getattr(chip, name), key))
            may_be = describe.LAWS if (name, key) == ("pcm", "law") else describe.limits(field)
            may_be = re.sub(r'"[^"]+"', r"`\g<0>`", may_be)
            cells = (f"`{key}`", describe.unit(key), may_be, value, field.description or "")
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
    rows = ["| value of `nature2023` | | unit | standing | note |", "|---|---|---|---|---|"]
    rows += [
        f"| `{s.table}.{s.key}` | {s.text} | {describe.unit(s.key)} | {s.standing} | {s.note} |"
        for s in describe.sources()
    ]
    return "\n".join(rows)


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
    values = (
        ", ".join(f"{value} `{name}`" for value, name in enumerate(field.names))
        or f"{field.smallest} to {field.largest}"
    )
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
    "api.md": {"public names": public_names},
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
