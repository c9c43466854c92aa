"""Figures of devices, time and energy."""

from __future__ import annotations

from pcmesh.performance.costs import load_costs
from pcmesh.performance.energy import operation_energy
from pcmesh.performance.mlperf import load_submissions
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.figures.shapes import Data, bars, lines
from pcmesh.workloads.rnnt.compiled.footprint import layer_weights
from pcmesh.workloads.rnnt.widths import RnntWidths


def transport(e: Experiments) -> Data:
    """Error of durations sent over the chip."""
    curves = {
        f"0 to {entry.max_duration_ns} ns": ([x for x, _ in entry.cdf], [100 * y for _, y in entry.cdf])
        for entry in e.transport.ranges
    }
    return lines("error, ns", "durations with a smaller error, %", curves, step=True)


def devices(e: Experiments) -> Data:
    """Devices and weights of each chip."""
    mapping, places = e.rnnt.mapping, e.rnnt.placement.places
    pcms = [0] * e.rnnt.placement.chips
    for tile in mapping.tiles:
        pcms[places[tile.index].chip] += sum(2 * b.rows * b.columns for b in (tile.wp1, tile.wp2) if b is not None)
    values = {"PCMs": [n / 1e6 for n in pcms], "weights": [n / 1e6 for n in _weights_by_chip(e)]}
    return bars("millions", _chip_names(e), values)


def expansion(e: Experiments) -> Data:
    """Signal and noise of a product against its rows."""
    rows = [point.rows for point in e.expansion]
    curves = {
        "signal": (rows, [point.signal for point in e.expansion]),
        "noise of the devices": (rows, [point.noise for point in e.expansion]),
    }
    return lines("rows of Wx2", "rows driven for the longest pulse", curves, log=True)


def operations(e: Experiments) -> Data:
    """Operations on the chips and beside them."""
    runs = {"nominal": e.run.operations, "expanded": e.run_expanded.operations}
    values = {name: [run.total_analog / 1e12, run.total_digital / 1e12] for name, run in runs.items()}
    return bars("10¹² operations", ["analog", "digital"], values) | {"log": True}


def chip_power(e: Experiments) -> Data:
    """Power of each chip by supply."""
    found = [operation_energy(activity, load_costs()) for activity in e.scenes.activity["nominal"]]
    seconds = [ns * 1e-9 for ns in e.run.operation_ns]
    supplies = list(dict.fromkeys(name for energy in found for name in energy.by("supply")))
    watts = {n: [x.by("supply").get(n, 0.0) / t for x, t in zip(found, seconds, strict=True)] for n in supplies}
    return bars("W while a product is computed", _chip_names(e), watts)


def chip_efficiency(e: Experiments) -> Data:
    """Operations per energy of each chip."""
    weights = _weights_by_chip(e)
    found = [operation_energy(activity, load_costs()).total for activity in e.scenes.activity["nominal"]]
    ours = [2 * weight / energy / 1e12 for weight, energy in zip(weights, found, strict=True)]
    return bars("TOPS/W", _chip_names(e), {"ours": ours})


def levels(e: Experiments) -> Data:
    """Operations per energy of the tiles, a chip, all chips, the system."""
    names = ["tile, 1.5 V only", "chip 4", "chip 4, half the integration time", "five chips", "system"]
    ours = [e.power[name, "TOPS/W"] for name in [*names, "system, expanded"]]
    shown = ["tile (fitted)", "chip 4 (fitted)", "chip 4, half time (fitted)", "five chips", "system", "expanded"]
    return bars("TOPS/W", shown, {"paper": [20.0, 12.40, 15.4, 7.09, 6.94, 6.704], "ours": ours})


def against_mlperf(e: Experiments) -> Data:
    """Samples per energy beside MLPerf's submissions."""
    rates = {system.name: system.samples_per_s_per_w for system in load_submissions().system}
    names = sorted(rates, key=lambda name: rates[name])
    ours = e.power["system, expanded", "samples/s/W"]
    return bars(
        "samples/s/W", [*names, "paper", "ours"], {"samples/s/W": [*(rates[name] for name in names), 546.6, ours]}
    ) | {"log": True}


def busy(e: Experiments) -> Data:
    """How busy each chip is."""
    names = [f"chip {number + 1}" for number in range(len(e.run.activity))]
    return bars("busy, % of the time", names, {"one after the other": [100 * share for share in e.run.activity]})


def digital_tasks(e: Experiments) -> Data:
    """Digital operations by task."""
    tasks = sorted(e.run_expanded.operations.digital, key=lambda name: -e.run_expanded.operations.digital[name])[:12]
    runs = {"nominal": e.run.operations.digital, "expanded": e.run_expanded.operations.digital}
    return bars(
        "10⁹ operations", tasks, {name: [run.get(task, 0) / 1e9 for task in tasks] for name, run in runs.items()}
    )


def _chip_names(e: Experiments) -> list[str]:
    return [f"chip {chip + 1}" for chip in range(e.rnnt.placement.chips)]


def _weights_by_chip(e: Experiments) -> list[int]:
    held, places = layer_weights(RnntWidths()), e.rnnt.placement.places
    on = [{t.wp1.layer for t in e.rnnt.mapping.tiles if places[t.index].chip == c} for c in range(len(_chip_names(e)))]
    return [sum(held[layer] for layer in layers) for layers in on]
