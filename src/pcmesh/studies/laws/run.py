"""All laws of a chip, one after the other; what was measured is kept, so that a run cut off goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pcmesh.analysis.laws.law import not_measured, row
from pcmesh.studies.laws.catalogue import ENTRIES, MeasuredLaw, Twin
from pcmesh.studies.laws.fitted import constant_of
from pcmesh.studies.laws.options import Setting


def run_laws(setting: Setting, entries: Sequence[MeasuredLaw] | None = None) -> dict[str, Any]:
    """Return what the twin shows of every law; docs/laws.md describes the keys.

    Args:
        setting: which chip, whose laws, on how much.
        entries: other laws than those that the setting names.

    Raises:
        ConfigurationError, CapacityError: the chip cannot hold a network.
    """
    twin, wanted = Twin(setting), chosen(setting) if entries is None else entries
    rows = []
    for done, entry in enumerate(wanted):
        setting.report("laws", done, len(wanted))
        rows.append(measured(entry, twin))
    setting.report("laws", len(wanted), len(wanted))
    return {
        "chip": setting.chip.name,
        "mode": "quick" if setting.options.quick else "whole",
        "data": "synthetic speech" if entries is None else "the example inputs",
        "laws": rows,
        **counts(rows),
        "seed": setting.options.seed,
        "configuration": asdict(setting.options),
    }


def chosen(setting: Setting) -> list[MeasuredLaw]:
    """Return the laws that are asked for: a network's, and those of the chip alone."""
    network = setting.options.network
    return [entry for entry in ENTRIES if network == "all" or entry.of in (network, "chip")]


def measured(entry: MeasuredLaw, twin: Twin) -> dict[str, Any]:
    """Return a law with what the twin shows of it."""
    left_out = twin.setting.options.quick and entry.long
    sight = not_measured("left out of a quick run") if left_out else entry.measure(twin)
    constant = constant_of(entry.law.id)
    cost = None if entry.fitted_cost is None else f"cost of {entry.fitted_cost}"
    return row(entry.law, sight, cost if constant is None else constant.key)


def counts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many laws of each standing agree, do not, and are not decided."""

    def of(standing: str) -> dict[str, int]:
        found = [one["agrees"] for one in rows if one["standing"] == standing]
        return {"agree": found.count(True), "disagree": found.count(False), "not_decided": found.count(None)}

    return {"predicted": of("predicted"), "fitted": of("fitted")}
