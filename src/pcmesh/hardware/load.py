"""Chips as data: presets that ship or come with a package, and a user's TOML file derived from one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pcmesh.errors import ConfigurationError, InputError
from pcmesh.files.reading import is_file, parse_toml, read_toml
from pcmesh.hardware.base import Broken
from pcmesh.hardware.device_table import is_device_table, read_device_table
from pcmesh.hardware.limits import check_values, chip_error, shown
from pcmesh.hardware.spec import ChipSpec
from pcmesh.hardware.storage import DEVICE_LAWS
from pcmesh.registry import Registry

DEFAULT_PRESET = "nature2023"
CHIPS: Final = Registry(
    kind="chip",
    group="pcmesh.chips",
    protocol="importlib.resources.abc:Traversable",
    shipped={"ideal": "pcmesh.hardware.presets:IDEAL", "nature2023": "pcmesh.hardware.presets:NATURE2023"},
)
"""Presets: each is a TOML file, as `importlib.resources.files` or `Path` gives it."""


def preset_names() -> tuple[str, ...]:
    """Return the names of the chips that ship with pcmesh or with an installed package."""
    return CHIPS.names()


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
    if str(name_or_file) in CHIPS:
        values = _preset(str(name_or_file))
        return check_values(values, values)
    path = Path(name_or_file)
    if not is_file(path):
        raise InputError(f"no chip '{name_or_file}': neither a preset nor a file", _presets(str(name_or_file)))
    given = {"name": path.stem, **read_toml(path, "docs/chip.md has an example")}
    base, broken = given.pop("base", DEFAULT_PRESET), []
    if not isinstance(base, str) or base not in CHIPS:
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


def _preset(name: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the values of a preset, of its base and of itself.

    Raises:
        ConfigurationError: a package's file is no chip, or its base is none or itself.
    """
    place = CHIPS.load(name)
    where = f"the chip {name!r} ({place})"
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{where} cannot be read ({error})", "Correct the package that it is of") from error
    given = parse_toml(text, where, "Correct the package that it is of")
    base = given.pop("base", None)
    if base is None:
        return given
    if not isinstance(base, str) or base in (*above, name) or base not in CHIPS:
        raise ConfigurationError(f"{where}: base = {shown(base)} is no other preset", _presets(base))
    return _with_devices(_overlay(_preset(base, (*above, name)), given), given, Path(str(place)).parent)


def _presets(wanted: object) -> str:
    """Return which presets there are, the one that is probably meant first."""
    near = get_close_matches(wanted, preset_names(), 1) if isinstance(wanted, str) else []
    known = f"Presets: {', '.join(preset_names())}"
    return f"Is {near[0]} meant? {known}" if near else known


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
        devices = {"law": law, "table": ()}
        if "g_max_us" not in stated:
            devices["g_max_us"] = DEVICE_LAWS.load(law).g_max_us
    else:
        devices = {}
    return values | {"pcm": pcm | devices | {key: stated[key] for key in ("table", "g_max_us") if key in stated}}


def _build(values: Mapping[str, Any], source: str, reference: Mapping[str, Any]) -> ChipSpec:
    chip, broken = check_values(values, reference)
    if chip is None:
        raise chip_error(source, broken)
    return chip
