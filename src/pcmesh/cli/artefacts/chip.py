"""`pcmesh chip`: what a chip is, which limits a file breaks, and how two chips differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcmesh.cli.output import console, facts, table, write_result
from pcmesh.cli.paths import chip_name, json_target

if TYPE_CHECKING:
    from pcmesh.hardware import ChipSpec

chip = typer.Typer(name="chip", no_args_is_help=True, rich_markup_mode="rich")

_PRESET = "nature2023"
Chip = Annotated[
    str, typer.Argument(callback=chip_name, metavar="CHIP", help="A preset's name or a TOML file (docs/chip.md).")
]
Json = Annotated[
    Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the figures to this file.")
]


@chip.callback()
def _group() -> None:
    """Look at a chip, check a chip file, or compare two chips."""


@chip.command("show")
def show(of: Chip = _PRESET, json: Json = None) -> None:
    """Show a chip: every key with its unit, where the value is from, and what it means."""
    from pcmesh.hardware import load_chip
    from pcmesh.hardware.compare import chip_values

    spec = load_chip(of)
    totals, values, pads = _totals(spec), chip_values(spec), [pad.model_dump() for pad in spec.grid.pads]
    console().print(facts(f"Chip {spec.name}", [(name, f"{value:,}") for name, value in totals.items()]))
    for name in dict.fromkeys(entry.table for entry in values):
        rows = [(v.key, v.shown, v.unit, v.standing, v.note or v.meaning) for v in values if v.table == name]
        console().print(table(f"[{name}]".replace("[", r"\["), ("Key", "Value", "Unit", "Standing", "Note"), rows))
    names = ("Domain", "Edge", "ILP on mesh row", "OLP on mesh row")
    places = [(p["domain"], p["edge"], "-" if p["ilp_row"] is None else p["ilp_row"], p["olp_row"]) for p in pads]
    console().print(table(r"\[\[grid.pads]] landing pads", names, places))
    found = {"name": spec.name, "totals": totals, "values": [entry.as_json() for entry in values], "pads": pads}
    write_result(found, json, None)


@chip.command("check")
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A TOML file that describes a chip (docs/chip.md).")],
    json: Json = None,
) -> None:
    """Say every limit that a chip file breaks, with its remedy; exit status 2 if there is any."""
    from pcmesh.errors import ConfigurationError
    from pcmesh.hardware import check_chip

    spec, broken = check_chip(file)
    found = [
        {"key": b.keys[0], "value": b.value, "limit": b.limit, "remedy": b.remedy, "keys": list(b.keys)} for b in broken
    ]
    if spec is not None:
        console().print(f"{file}: {spec.tiles} tiles, {spec.devices:,} devices; breaks no limit", soft_wrap=True)
    notes = [] if spec is None else _notes(spec)
    for note in notes:
        console().print(f"note: {note}", markup=False, soft_wrap=True)
    for number, entry in enumerate(broken, 1):
        console().print(f"{number}. {entry}", f"   {entry.remedy}", sep="\n", markup=False, soft_wrap=True)
    write_result({"file": file, "broken": found, "notes": notes}, json, None)
    if broken:
        count = "one limit" if len(broken) == 1 else f"{len(broken)} limits"
        raise ConfigurationError(f"{file} breaks {count}", "Each is listed with its remedy")


@chip.command("diff")
def diff(
    one: Annotated[str, typer.Argument(callback=chip_name, metavar="A", help="A chip.")],
    other: Annotated[
        str | None,
        typer.Argument(callback=chip_name, metavar="[B]", help=f"Another one; without it, A against {_PRESET}."),
    ] = None,
    json: Json = None,
) -> None:
    """Show what differs from chip A to chip B (or from nature2023 to A)."""
    from pcmesh.hardware import load_chip
    from pcmesh.hardware.compare import differences

    old, new = (load_chip(_PRESET), load_chip(one)) if other is None else (load_chip(one), load_chip(other))
    found = differences(old, new)
    if found:
        rows = [(d.key, d.old, d.new, d.unit) for d in found]
        console().print(table(f"From {old.name} to {new.name}", ("Key", old.name, new.name, "Unit"), rows))
    else:
        console().print(f"{old.name} and {new.name} differ in nothing but their names")
    totals = {name: [value, _totals(new)[name]] for name, value in _totals(old).items()}
    moved = [(name, f"{a:,} -> {b:,}") for name, (a, b) in totals.items() if a != b]
    if moved:
        console().print(facts("What follows", moved))
    result: dict[str, Any] = {"old": old.name, "new": new.name, "differences": [d.as_json() for d in found]}
    write_result(result | {"totals": totals}, json, None)


def _notes(spec: ChipSpec) -> list[str]:
    """Return what a chip that breaks no limit cannot do all the same, each with what to change."""
    from pcmesh.microcode.generate import short_steps

    notes = []
    if not spec.timing.hands_over:
        output, longest = spec.timing.output_max_ns, spec.timing.input_max_ns
        notes.append(
            f"no vector can go from tile to tile, as keywords and --hand-over need it: timing.output_max_ns = {output} "
            f"and input_max_ns = {longest}. Set both alike"
        )
    notes += [f"no microcode can be made (--route): {problem}. {remedy}" for problem, remedy in short_steps(spec)]
    return notes


def _totals(spec: ChipSpec) -> dict[str, int]:
    return {
        "Tiles": spec.tiles,
        "PCM devices (without bias rows)": spec.devices,
        "Weights that fit, two devices each": spec.capacity_2pcm,
        "Wires of a mesh bus": spec.wires,
        "Input landing pads": len(spec.grid.ilps),
        "Output landing pads": len(spec.grid.olps),
    }
