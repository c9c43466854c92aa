"""`pcmesh laws --fit`: each fitted constant again from its observation, and all laws without each of them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pcmesh.analysis.laws.solve import solve
from pcmesh.hardware import ChipSpec, change_chip
from pcmesh.studies.laws.catalogue import ENTRIES, MeasuredLaw, Twin
from pcmesh.studies.laws.fitted import FITTED, FittedConstant
from pcmesh.studies.laws.options import Setting
from pcmesh.studies.laws.run import chosen, measured


def run_fit(setting: Setting) -> dict[str, Any]:
    """Return the fitted constants, and the laws with each of them left out; docs/laws.md describes the keys.

    A constant that is left out has the value that it would have without its observation: published, or assumed.
    """
    whole = _laws(setting, setting.chip)
    constants = []
    for done, one in enumerate(FITTED):
        setting.report("constants", done, len(FITTED))
        found = refitted(setting, one)
        left_out = _laws(setting, change_chip(setting.chip, [f"{one.key}={one.before!r}"]))
        constants.append({**asdict(one), "in_chip": value_of(setting.chip, one.key), "again": found, "laws": left_out})
    setting.report("constants", len(FITTED), len(FITTED))
    return {
        "chip": setting.chip.name,
        "laws": whole,
        "constants": constants,
        "seed": setting.options.seed,
        "configuration": asdict(setting.options),
    }


def refitted(setting: Setting, constant: FittedConstant) -> float | None:
    """Return the value of a constant at which its law is as published, all others as in the chip file; None: none."""
    entry = next(entry for entry in ENTRIES if entry.law.id == constant.law)

    def measure(value: float) -> float:
        twin = Twin(replace(setting, chip=change_chip(setting.chip, [f"{constant.key}={value!r}"])))
        return entry.measure(twin).estimates[0].value

    return solve(measure, entry.law.paper[0], constant.low, constant.high)


def value_of(chip: ChipSpec, key: str) -> float:
    """Return the value of `table.key` of a chip."""
    table, name = key.split(".")
    return float(getattr(getattr(chip, table), name))


def _laws(setting: Setting, chip: ChipSpec) -> list[dict[str, Any]]:
    twin, wanted = Twin(replace(setting, chip=chip)), _short(setting)
    return [{name: measured(entry, twin)[name] for name in _SHOWN} for entry in wanted]


_SHOWN = ("id", "observation", "paper", "said", "unit", "rule", "ours", "ci95", "standing", "agrees", "note")


def _short(setting: Setting) -> list[MeasuredLaw]:
    return [entry for entry in chosen(setting) if not entry.long]
