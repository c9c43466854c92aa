"""Chips as data: presets that ship, and a user's TOML file derived from one of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from pcmesh.chip.base import Broken
from pcmesh.chip.device_table import is_device_table, read_device_table
from pcmesh.chip.limits import check_values, chip_error, shown
from pcmesh.chip.spec import ChipSpec
from pcmesh.chip.storage import DEVICE_LAWS
from pcmesh.errors import InputError
from pcmesh.reading import is_file, parse_toml, read_toml

DEFAULT_PRESET = "nature2023"


def preset_names() -> tuple[str, ...]:
    """Return the names of the chips that ship with pcmesh."""
    folder = resources.files("pcmesh.chip") / "presets"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def change_chip(chip: ChipSpec, changes: Sequence[str]) -> ChipSpec:
    """Return a chip with some keys changed, each as `table.key=value` with the value in TOML.

    Raises:
        InputError: a change is not TOML.
        ConfigurationError: no such key, a wrong type or an impossible value; the message names the key.
    """
    values = chip.model_dump()
    for change in changes:
        given = parse_toml(change, f"'{change}'", "Write table.key=value: tile.rows=1024")
        values = _with_devices(_overlay(values, given), given, Path())
    name = " ".join([chip.name, *changes])
    return _build(values | {"name": name}, "the chip as changed", chip.model_dump()) if changes else chip


def load_chip(name_or_file: str | Path = DEFAULT_PRESET) -> ChipSpec:
    """Return a chip by the name of a preset, or from a TOML file.

    A file may name a preset with `base = "nature2023"` (the default) and then lists only what differs; keys carry
    their units and are those of the presets.

    Raises:
        InputError: no such preset or file, or the file is not TOML.
        ConfigurationError: an unknown key, a wrong type or an impossible value; the message names the key.
    """
    chip, broken = check_chip(name_or_file)
    if chip is None:
        raise chip_error(str(name_or_file), broken)
    return chip


def check_chip(name_or_file: str | Path) -> tuple[ChipSpec | None, tuple[Broken, ...]]:
    """Return a chip as `load_chip`, or None and every limit that it breaks.

    Raises:
        InputError: no such preset or file, or the file is not TOML.
    """
    if str(name_or_file) in preset_names():
        values = _preset(str(name_or_file))
        return check_values(values, values)
    path = Path(name_or_file)
    if not is_file(path):
        raise InputError(f"no chip '{name_or_file}': neither a preset nor a file", _presets(str(name_or_file)))
    given = {"name": path.stem, **read_toml(path, "docs/chip.md has an example")}
    base, broken = given.pop("base", DEFAULT_PRESET), []
    if not isinstance(base, str) or base not in preset_names():
        broken.append(Broken(("base",), shown(base), "is no preset", _presets(base)))
        base = DEFAULT_PRESET
    reference = _preset(base)
    values = _overlay(reference, given)
    try:
        values = _with_devices(values, given, path.parent)
    except InputError as error:
        broken.append(Broken(("pcm.law",), "", error.problem, error.remedy))
        values["pcm"] = {**values["pcm"], **{key: reference["pcm"][key] for key in ("law", "table", "g_max_us")}}
    chip, more = check_values(values, reference)
    broken += more
    return (None if broken else chip), tuple(broken)


def _preset(name: str) -> dict[str, Any]:
    text = (resources.files("pcmesh.chip") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    return _resolve(tomllib.loads(text))


def _presets(wanted: object) -> str:
    """Return which presets there are, the one that is probably meant first."""
    near = get_close_matches(wanted, preset_names(), 1) if isinstance(wanted, str) else []
    known = f"Presets: {', '.join(preset_names())}"
    return f"Is {near[0]} meant? {known}" if near else known


def _resolve(values: dict[str, Any]) -> dict[str, Any]:
    """Replace `base` by the preset that it names, overlaid with the other keys."""
    base = values.pop("base", None)
    return values if base is None else _overlay(_preset(base), values)


def _overlay(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _overlay(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _with_devices(values: dict[str, Any], given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the values with the devices that the given law means: the rows of its CSV file, and its g_max.

    Where no law is given the devices stay what they were.
    """
    pcm, stated = values.get("pcm"), given.get("pcm")
    if not isinstance(pcm, dict) or not isinstance(stated, Mapping) or not isinstance(stated.get("law"), str):
        return values
    law = stated["law"]
    if is_device_table(law) and "table" not in stated:
        rows = read_device_table(folder / law)
        devices: dict[str, Any] = {"law": Path(law).name, "table": rows, "g_max_us": rows[-1].target_us}
    elif law in DEVICE_LAWS:
        devices = {"table": (), "g_max_us": DEVICE_LAWS.load(law).g_max_us}
    else:
        devices = {}
    return values | {"pcm": pcm | devices | {key: stated[key] for key in ("table", "g_max_us") if key in stated}}


def _build(values: Mapping[str, Any], source: str, reference: Mapping[str, Any]) -> ChipSpec:
    chip, broken = check_values(values, reference)
    if chip is None:
        raise chip_error(source, broken)
    return chip
