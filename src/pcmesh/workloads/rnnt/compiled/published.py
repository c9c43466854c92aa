"""The paper's figures of power and energy as equations in the costs.

Source: Ambrogio et al. 2023, Fig. 6, Methods "Performance simulation and power measurements".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pcmesh.hardware.variants import with_integration
from pcmesh.performance import Compiled, TimedRun
from pcmesh.performance.costs import CostTable
from pcmesh.performance.energy import DIGITAL
from pcmesh.performance.fit import Counts, PublishedFigure, fit, freedom, leave_one_out
from pcmesh.performance.mlperf import load_submissions
from pcmesh.performance.power_test import ChipActivity, blank_hardware, plain_microcode, run_power_test
from pcmesh.performance.stages import Plan
from pcmesh.workloads.rnnt.compiled.footprint import layer_weights
from pcmesh.workloads.rnnt.widths import RnntWidths

BEST_MLPERF = round(load_submissions().best.samples_per_s_per_w, 2)
"""Samples per second and watt of the best data-centre system of MLPerf v2.1 (RNN-T Offline)."""

MEASURED_CHIP = 3
"""Chip 4: the paper gives its figures one by one."""

HALF_INTEGRATION_NS = 150
"""Shorter integration steps and pulses, output slots as before (assumed)."""

FITTED_TO = (
    "tile, 1.5 V only",
    "chip 4",
    "digital energy",
    "digital energy, expanded",
)
"""As few figures as there are fitted costs; all others are predicted."""


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """What the figures are about.

    Attributes:
        nominal, expanded: the timed data set without and with weight expansion.
        activity: events of an operation of each chip, for both.
        halved: of chip 4 with half the integration time.
        operations: analog operations of one operation of chip 4.
    """

    nominal: TimedRun
    expanded: TimedRun
    activity: Mapping[str, Sequence[ChipActivity]]
    halved: ChipActivity
    operations: int


def halved_activity(compiled: Compiled, seed: int = 0) -> ChipActivity:
    """Return the events of an operation of chip 4 with half the integration time."""
    return chip_4_activity(
        Plan(
            chip=with_integration(compiled.chip, HALF_INTEGRATION_NS),
            graph=compiled.graph,
            mapping=compiled.mapping,
            placement=compiled.placement,
            routing=compiled.routing,
        ),
        seed,
    )


def chip_4_activity(plan: Compiled, seed: int = 0) -> ChipActivity:
    """Return the events of an operation of chip 4."""
    microcode = plain_microcode(plan)
    one = microcode.model_copy(update={"chips": (microcode.chips[MEASURED_CHIP],)})
    return run_power_test(plan, one, lambda die: blank_hardware(plan, die), seed)[0]


def tile_efficiency(plan: Compiled, costs: CostTable, seed: int = 0) -> tuple[float, float]:
    """Return operations per energy of the tiles of chip 4 at work, what the 1.5-V supply feeds alone, in TOPS/W.

    Also which share of that energy the devices conduct.
    """
    activity = chip_4_activity(plan, seed)
    counts = _counts([(activity, 1)], costs)
    energies = {one.name: counts[one.name] * one.pj for one in costs.cost if one.supply == "1.5 V"}
    held = layer_weights(RnntWidths())
    layers = {layer.layer for layer in plan.mapping.layers if layer.chip == MEASURED_CHIP}
    energy_pj = sum(energies.values())
    return 2 * sum(held[layer] for layer in layers) / energy_pj, energies.get("conduct", 0.0) / energy_pj


def chip_operations(run: TimedRun, chip: int) -> int:
    """Return the analog operations of one operation of a chip."""
    layers = [name for stage in run.pipeline.stages if chip in stage.chips for name in stage.layers]
    return sum(run.operations.analog[name] // run.operations.runs[name] for name in layers)


def published_figures(scenes: Scenes, costs: CostTable) -> list[PublishedFigure]:
    """Return the paper's figures."""
    chip4 = scenes.activity["nominal"][MEASURED_CHIP]
    one, half = _counts([(chip4, 1)], costs), _counts([(scenes.halved, 1)], costs)
    tiles = {entry.name: one[entry.name] for entry in costs.cost if entry.supply == "1.5 V"}
    chips, digital = _run_counts(scenes, "nominal", costs)
    expanded_chips, expanded_digital = _run_counts(scenes, "expanded", costs)
    system, expanded = _sum(chips, digital), _sum(expanded_chips, expanded_digital)
    tera, samples = scenes.nominal.operations.total_analog / 1e12, float(scenes.nominal.utterances)
    operation = scenes.operations / 1e12

    def rate(
        name: str, value: float, unit: str, group: str, counts: Counts, scale: float, rounding: float
    ) -> PublishedFigure:
        return PublishedFigure(
            name=name, value=value, unit=unit, group=group, counts=counts, scale=scale, per_energy=True,
            rounding=rounding,
        )  # fmt: skip

    def energy(
        name: str, value: float, unit: str, group: str, counts: Counts, scale: float, rounding: float
    ) -> PublishedFigure:
        return replace(rate(name, value, unit, group, counts, scale, rounding), per_energy=False)

    seconds = 1 / scenes.expanded.total_s
    return [
        rate("tile, 1.5 V only", 20.0, "TOPS/W", "tile", tiles, operation, 0.05),
        rate("chip 4", 12.40, "TOPS/W", "chip 4", one, operation, 0.005),
        rate("chip 4, half the integration time", 15.4, "TOPS/W", "half", half, operation, 0.05),
        energy("digital energy", 0.11, "J", "digital", digital, 1.0, 0.005),
        energy("digital energy, expanded", 0.26, "J", "digital, expanded", expanded_digital, 1.0, 0.005),
        rate("five chips", 7.09, "TOPS/W", "system", chips, tera, 0.005),
        energy("system", 4.44, "J", "system", system, 1.0, 0.005),
        rate("system", 6.94, "TOPS/W", "system", system, tera, 0.005),
        energy("system, expanded", 4.60, "J", "system", expanded, 1.0, 0.005),
        rate("system, expanded", 6.704, "TOPS/W", "system", expanded, tera, 0.0005),
        energy("power, expanded", 3.57, "W", "system", expanded, seconds, 0.005),
        rate("system, expanded", 546.6, "samples/s/W", "system", expanded, samples, 0.05),
        rate("against the best of MLPerf", 14.0, "x", "system", expanded, samples / BEST_MLPERF, 0.5),
    ]


def _by_time(figures: Sequence[PublishedFigure], costs: CostTable) -> dict[str, float]:
    """Return how far the predicted figures are off if the 0.8 V are charged by time instead of by vectors sent."""
    free = ["on" if name == "send" else name for name in costs.fitted]
    found = fit([figure for figure in figures if figure.name in FITTED_TO], costs.changed({"send": 1.0}), free)
    return {
        f"{figure.name}, {figure.unit}": figure.predicted(found) / figure.value - 1
        for figure in figures
        if figure.name not in FITTED_TO
    }


def _counts(parts: Sequence[tuple[ChipActivity, int]], costs: CostTable) -> Counts:
    """Return the events of each cost of so many operations of each chip."""
    return {
        entry.name: sum(activity.total(entry.counts) * runs for activity, runs in parts)
        for entry in costs.cost
        if entry.supply != DIGITAL
    }


def _run_counts(scenes: Scenes, variant: str, costs: CostTable) -> tuple[Counts, Counts]:
    """Return the events of a variant's run on the chips, and beside them."""
    run = scenes.nominal if variant == "nominal" else scenes.expanded
    chips = _counts([(found, run.runs_of_chips[found.chip]) for found in scenes.activity[variant]], costs)
    matrices = sum(run.operations.digital[name] for name in run.operations.matrices if name in run.operations.digital)
    events = {"matrix_operations": matrices, "vector_operations": run.operations.total_digital - matrices}
    return chips, {entry.name: float(events[entry.counts]) for entry in costs.cost if entry.supply == DIGITAL}


def _sum(one: Counts, other: Counts) -> Counts:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}


def fit_result(scenes: Scenes, costs: CostTable) -> dict[str, Any]:
    """Return the fit, the leave-one-out table and what the figures leave open, as plain data."""
    figures = published_figures(scenes, costs)
    fitted = fit([figure for figure in figures if figure.name in FITTED_TO], costs, costs.fitted)
    table = leave_one_out(figures, costs, costs.fitted, FITTED_TO)
    whole = next(figure for figure in figures if figure.name == "chip 4")
    return {
        "fitted_to": list(FITTED_TO),
        "costs": [entry.model_dump() for entry in fitted.cost],
        "figures": [
            {
                "name": entry.figure.name,
                "unit": entry.figure.unit,
                "published": entry.figure.value,
                "role": entry.role,
                "fitted": entry.fitted,
                "left_out": entry.left_out,
                "lowest": entry.lowest,
                "highest": entry.highest,
            }
            for entry in table
        ],
        "by_time": _by_time(figures, costs),
        "freedom": [asdict(entry) for entry in freedom(figures, fitted, whole.counts)],
        "free_costs": sum(bool(whole.counts.get(entry.name)) for entry in costs.cost),
        "independent_figures": len({figure.group for figure in figures}),
    }
