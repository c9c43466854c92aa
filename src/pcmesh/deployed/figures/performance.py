"""Time and energy of a chip model's samples, by the same figures as its summary."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

from pcmesh.deployed.figures.energy import hands_over
from pcmesh.deployed.figures.footprint import ModelFigures, model_figures
from pcmesh.deployed.figures.sample_energy import sample_energy, vectors_of_layers
from pcmesh.deployed.program import Program
from pcmesh.network.operations.digital import DIGITAL_COSTS
from pcmesh.performance.costs import load_costs
from pcmesh.performance.energy import DIGITAL, Energy
from pcmesh.performance.schedule import CODE_BITS
from pcmesh.performance.stages import Link

AS_MAPPED = "as mapped"
"""Name of the one variant of a network: others have several."""

_TERA = 1e12


def performance_result(program: Program, samples: int, overlap: bool, link: Link | None = None) -> dict[str, Any]:
    """Return what a number of samples takes, as `pcmesh perf` writes it.

    Args:
        program: the network, compiled.
        samples: how many run.
        overlap: whether a sample enters as soon as the first layer is free; else when the one before has left.
        link: a link that all vectors to and from a chip cross; None: digital parts stand beside the landing pads.
    """
    figures = model_figures(program)
    if link is not None:
        figures = _over_link(figures, program, link)
    alone = sample_energy(program)
    energy = Energy(tuple(replace(item, joule=samples * item.joule) for item in alone.items))
    times = {"no_overlap": samples * figures.latency_s, "overlap": _overlapped(figures, samples)}
    total_s = times["overlap" if overlap else "no_overlap"]
    variant = {
        **_rates(samples, total_s, samples * figures.analog_operations, samples * figures.energy_j),
        "time_s": times,
        "digital": _digital(figures, samples),
        "energy": _energy(figures, energy, samples),
        "per_layer": [
            {
                "layer": entry.name,
                "tiles": entry.tiles + entry.shared,
                "vectors": samples * entry.vectors,
                "steps": entry.steps,
                "energy_j": samples * entry.energy_j,
            }
            for entry in figures.products
        ],
    }
    if figures.routes:
        variant["per_chip"] = _chips(program, figures, energy, samples, overlap)
    return {
        "network": program.choice.name,
        "chip": program.chip.name,
        "data": {"described": f"{samples:,} samples", "utterances": samples},
        "options": {"overlap": overlap, "link": link is not None},
        "sample": {
            "latency_s": figures.latency_s,
            "after_s": figures.after_s,
            "interval_s": figures.interval_s,
            "energy_j": figures.energy_j,
            "energy_by": figures.energy_by,
            "analog_operations": figures.analog_operations,
            "digital_operations": figures.digital_operations,
        },
        "variant": AS_MAPPED,
        **variant,
        "variants": {AS_MAPPED: variant},
    }


def _over_link(figures: ModelFigures, program: Program, link: Link) -> ModelFigures:
    """Return the figures with the time that vectors take over a link of each chip, one after the other."""
    timing, mapping = program.chip.timing, program.mapping
    input_bits = math.ceil(math.log2(timing.input_max_ns / timing.input_step_ns + 1)) + 1
    chips = [place.chip for place in program.placement.places]
    alone, busy = 0.0, dict.fromkeys(chips, 0.0)
    for layer, vectors in vectors_of_layers(program).items():
        bits = dict.fromkeys((chips[i] for group in mapping.groups_of(layer) for i in group.tiles), 0)
        for chip in bits:
            bits[chip] += 0 if mapping.producers(layer) else input_bits * mapping.layer(layer).rows
        for group in mapping.groups_of(layer):
            bits[chips[group.tiles[0]]] += 0 if hands_over(mapping, layer) else CODE_BITS * group.columns
        times = {chip: vectors * count / link.gbit_s * 1e-9 for chip, count in bits.items()}
        alone += max(times.values())
        busy = {chip: busy[chip] + times.get(chip, 0.0) for chip in busy}
    interval_s = max(figures.interval_s, *busy.values())
    return replace(figures, latency_s=figures.latency_s + alone, interval_s=interval_s)


def _rates(samples: int, total_s: float, operations: float, energy_j: float) -> dict[str, Any]:
    return {
        "utterances": samples,
        "operations": operations,
        "total_time_s": total_s,
        "samples_per_s": samples / total_s,
        "mean_sample_us": 1e6 * total_s / samples,
        "real_time_factor": float("nan"),
        "tops": operations / total_s / _TERA,
        "energy_j": energy_j,
        "power_w": energy_j / total_s,
        "tops_per_w": operations / energy_j / _TERA,
        "samples_per_s_per_w": samples / energy_j,
    }


def _digital(figures: ModelFigures, samples: int) -> dict[str, Any]:
    analog, digital = samples * figures.analog_operations, samples * figures.digital_operations
    tasks: dict[str, float] = {}
    for entry in figures.operations:
        if entry.where == "digital" and entry.operations:
            tasks[entry.kind] = tasks.get(entry.kind, 0.0) + samples * entry.operations
    return {
        "operations": digital,
        "ratio": analog / max(digital, 1),
        "analog_share": analog / max(analog + digital, 1),
        "by_task": tasks,
        "costs": [asdict(cost) for cost in DIGITAL_COSTS],
    }


def _energy(figures: ModelFigures, energy: Energy, samples: int) -> dict[str, Any]:
    return {
        "total_j": samples * figures.energy_j,
        "chips_j": energy.chips,
        "chips_tops_per_w": samples * figures.analog_operations / energy.chips / _TERA,
        "digital_j": energy.by("supply").get(DIGITAL, 0.0),
        **{f"by_{axis}_j": energy.by(axis) for axis in ("supply", "phase", "layer", "cost")},
        "costs": [entry.model_dump() for entry in load_costs().cost],
    }


def _chips(
    program: Program, figures: ModelFigures, energy: Energy, samples: int, overlap: bool
) -> list[dict[str, Any]]:
    """Return what each chip of a routed network does."""
    vectors, found = vectors_of_layers(program), []
    total_s = _overlapped(figures, samples) if overlap else samples * figures.latency_s
    places = list(zip(program.mapping.tiles, program.placement.places, strict=True))
    for route in figures.routes:
        layers = list(dict.fromkeys(tile.wp1.layer for tile, place in places if place.chip + 1 == route.chip))
        weights = {name: program.layout.graph.weights[name].numel() for name in layers}
        own, runs = energy.of_chip(route.chip), samples * max(vectors[name] for name in layers)
        busy_s = min(runs * (route.interval_ns if overlap else route.time_ns) * 1e-9, total_s)
        operations = samples * sum(2 * vectors[name] * count for name, count in weights.items())
        found.append(
            {
                **_rates(samples, total_s, operations, own.total),
                "chip": route.chip,
                "layers": layers,
                "running_power_w": own.total / busy_s,
                "by_supply_j": own.by("supply"),
                "runs": runs,
                "operation_ns": route.time_ns,
                "period_ns": route.interval_ns,
                "activity": busy_s / total_s,
                "busy_s": busy_s,
            }
        )
    return found


def _overlapped(figures: ModelFigures, samples: int) -> float:
    return figures.latency_s + (samples - 1) * figures.interval_s
