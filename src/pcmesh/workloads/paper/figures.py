"""What our versions of the paper's figures show, as plain data; `reporting.paper_figures` draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from pcmesh.evaluation.accuracy import accuracy
from pcmesh.evaluation.performance.costs import load_costs
from pcmesh.evaluation.performance.energy import operation_energy
from pcmesh.evaluation.performance.mlperf import load_submissions
from pcmesh.evaluation.sensitivity import BITS, sensitivity
from pcmesh.random import torch_generator
from pcmesh.speech.features import keyword_features
from pcmesh.training.noise import add_relative_normal
from pcmesh.workloads.kws.experiment import bring_up_chip, spot
from pcmesh.workloads.kws.graph import LAYERS
from pcmesh.workloads.kws.network import KeywordNetwork
from pcmesh.workloads.kws.prepare import prepare
from pcmesh.workloads.kws.sensitivity import GROUPS, NETWORK, KeywordScores
from pcmesh.workloads.paper.experiments import Experiments
from pcmesh.workloads.rnnt.footprint import layer_weights
from pcmesh.workloads.rnnt.widths import RnntWidths

Data = dict[str, Any]
_NOISE = (0.0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.14, 0.2)
_DRAWS = 4


@dataclass(frozen=True)
class Figure:
    """One of the paper's figures.

    Attributes:
        name: as the paper numbers it.
        title: what ours shows.
        make: its data; None: `command` makes it.
        command: another command that shows it.
    """

    name: str
    title: str
    make: Callable[[Experiments], Data] | None
    command: str = ""


def lines(x: str, y: str, curves: Mapping[str, tuple[Any, Any]], **options: Any) -> Data:
    """Return a figure of curves: name -> (x values, y values)."""
    return {
        "kind": "lines",
        "x": x,
        "y": y,
        "curves": {k: [list(a), list(b)] for k, (a, b) in curves.items()},
        **options,
    }


def bars(y: str, names: list[str], groups: Mapping[str, list[float]]) -> Data:
    """Return a figure of bars: group -> a value for each name."""
    return {"kind": "bars", "y": y, "names": names, "groups": dict(groups)}


def transport(e: Experiments) -> Data:
    """Error of durations sent over the chip."""
    curves = {
        f"0 to {entry.max_duration_ns} ns": ([x for x, _ in entry.cdf], [100 * y for _, y in entry.cdf])
        for entry in e.transport.ranges
    }
    return lines("error, ns", "durations with a smaller error, %", curves, step=True)


def balance(e: Experiments) -> Data:
    """Error of products with asymmetry balance and without."""
    plain = prepare(replace(e.kws_options, balanced=False), e.report, e.kws.speech)
    without = spot(plain, bring_up_chip(plain, 0)).mac
    with_ = e.kws_runs[0].mac
    return bars(
        "σ of the error, % of full scale",
        list(LAYERS),
        {
            "asymmetry balance": [100 * with_[name].sigma for name in LAYERS],
            "4-PCM": [100 * without[name].sigma for name in LAYERS],
        },
    )


def schedule(e: Experiments) -> Data:
    """What a frame does when."""
    return _plan(e, "timeline", 0, kws=True)


def scatter(e: Experiments) -> Data:
    """Products on the chip against software."""
    return {"kind": "scatter", "layers": e.kws_result["figures"]["scatter"]}


def keyword_bars(e: Experiments) -> Data:
    """Accuracy in software and on the chip, the paper's and ours."""
    result = e.kws_result
    ours = [result["software_accuracy"], result["chip_accuracy"]["mean"], result["iso_limit"]]
    names = ["software", "chip", "99 % limit"]
    return bars("accuracy, %", names, {"paper": [86.75, 86.14, 85.88], f"ours ({e.speech})": [100 * v for v in ours]})


def keyword_sensitivity(e: Experiments) -> Data:
    """Accuracy of the keyword network against the bits of its weights."""
    evaluate = KeywordScores(e.kws.inputs, e.kws.speech.labels)
    found = sensitivity(e.kws.network, GROUPS, evaluate, BITS, report=e.report)
    return {
        "kind": "sensitivity",
        "metric": "accuracy",
        "whole": NETWORK,
        "baseline": found.baseline.accuracy,
        "limit": found.limit,
        "curves": [curve.as_json() for curve in found.curves],
    }


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


def _chip_names(e: Experiments) -> list[str]:
    return [f"chip {chip + 1}" for chip in range(e.rnnt.placement.chips)]


def _weights_by_chip(e: Experiments) -> list[int]:
    held, places = layer_weights(RnntWidths()), e.rnnt.placement.places
    on = [{t.wp1.layer for t in e.rnnt.mapping.tiles if places[t.index].chip == c} for c in range(len(_chip_names(e)))]
    return [sum(held[layer] for layer in layers) for layers in on]


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


def noise(e: Experiments) -> Data:
    """Accuracy in software against noise on the weights."""
    shares = [100 * sum(_noisy(e, sigma, draw) for draw in range(_DRAWS)) / _DRAWS for sigma in _NOISE]
    curve = {"trained with noise 0.02": (_NOISE, shares)}
    return lines("weight noise, share of the largest weight", "accuracy, %", curve)


def _noisy(e: Experiments, sigma: float, draw: int) -> float:
    found = e.kws.inputs
    network: KeywordNetwork = e.kws.network
    for name in LAYERS:
        generator = torch_generator(e.options.seed, "training", "figure", name, draw)
        weight = add_relative_normal(network.get_parameter(f"{name}.weight").detach(), sigma, generator)
        found = found @ weight.T
        found = torch.relu(found) if name != LAYERS[-1] else found
    return accuracy(found.argmax(1), e.kws.speech.labels)


def coefficients(e: Experiments) -> Data:
    """The features of one word."""
    word = int((e.kws.speech.labels > 1).int().argmax())
    values = keyword_features(e.kws.speech.waves[word : word + 1])[0]
    title = e.kws.speech.class_names[int(e.kws.speech.labels[word])]
    return {
        "kind": "heat",
        "x": "window",
        "y": f"coefficient of '{title}'",
        "values": values.T.round(decimals=2).tolist(),
    }


def pruning(e: Experiments) -> Data:
    """Mean magnitude of the features, largest first; those beyond the cut are dropped."""
    count = min(300, len(e.kws.speech))
    mean = keyword_features(e.kws.speech.waves[:count]).abs().mean(0).flatten().sort(descending=True).values
    curve = (list(range(1, len(mean) + 1, 8)), [float(v) for v in mean[::8]])
    kept = len(e.kws.network.pixels)
    return lines("features, largest first", "mean magnitude", {"features": curve}, mark=kept)


def programming_maps(e: Experiments) -> Data:
    """Errors of programming over each tile."""
    return {"kind": "error_maps", "programming": e.kws_result["figures"]["programming"]}


def programming_cdf(e: Experiments) -> Data:
    """Distribution of the errors of programming."""
    return {"kind": "error_cdf", "programming": e.kws_result["figures"]["programming"]}


def products(e: Experiments) -> Data:
    """Error of the products of each layer, chip by chip."""
    groups = {
        f"chip {number + 1}": [100 * run.mac[name].sigma for name in LAYERS] for number, run in enumerate(e.kws_runs)
    }
    return bars("σ of the error, % of full scale", list(LAYERS), groups)


def _plan(e: Experiments, kind: str, chip: int, kws: bool = False) -> Data:
    plan = e.kws.compiled if kws else e.rnnt
    return {
        "kind": kind,
        "index": chip,
        "chip": e.chip.model_dump(mode="json"),
        "mapping": plan.mapping.model_dump(mode="json"),
        "placement": plan.placement.model_dump(mode="json"),
        "schedule": None if kind == "floorplan" else plan.routing.chips[chip].model_dump(mode="json"),
    }


def _of_chip(kind: str, chip: int) -> Callable[[Experiments], Data]:
    return lambda e: _plan(e, kind, chip)


FIGURES: tuple[Figure, ...] = (
    Figure("2d", "Error of durations sent over the whole chip", transport),
    Figure("3d", "Asymmetry balance: error of the keyword network's products", balance),
    Figure("3e", "A frame of the keyword network", schedule),
    Figure("3f", "Products on the chip against software", scatter),
    Figure("3g", "Keyword accuracy", keyword_bars),
    Figure(
        "4c, 4d", "Accuracy against the bits of the weights: our keyword network, not the RNN-T", keyword_sensitivity
    ),
    Figure("4c, 4d", "Word errors against the bits of the weights", None, "pcmesh sensitivity rnnt"),
    Figure("4e, 4f", "Routes of chip 1: inputs, integrations, outputs of each step", _of_chip("routes", 0)),
    Figure("4g", "Devices and weights of each chip", devices),
    Figure(
        "5a, 5b, 5c, 5f",
        "Word errors layer by layer, after a week, with expansion",
        None,
        "pcmesh rnnt evaluate --engine chip",
    ),
    Figure("5d", "Weight expansion: signal and noise", expansion),
    Figure("5e", "Enc-LSTM0 at 3.5 bits with expansion", None, "pcmesh sensitivity rnnt"),
    Figure("6a", "Power of each chip, with fitted costs", chip_power),
    Figure("6a", "Efficiency of each chip, with fitted costs", chip_efficiency),
    Figure("6b, 6c", "Efficiency from the tile to the system", levels),
    Figure("6f, ED 10e", "Samples per energy", against_mlperf),
    Figure("6d, ED 10a", "How busy each chip is", busy),
    Figure("6e", "Operations on the chips and beside them", operations),
    Figure("ED 2c", "Integration and output of the decoder's chip, step by step", _of_chip("timeline", 4)),
    Figure("ED 3b", "Keyword accuracy in software against noise on the weights", noise),
    Figure("ED 3c", "Features of one word", coefficients),
    Figure("ED 3d", "Which features are kept", pruning),
    Figure("ED 3e, 3f", "With and without calibration", None, "pcmesh kws --no-calibration"),
    Figure("ED 4a-d", "Programming errors over the keyword network's tiles", programming_maps),
    Figure("ED 4e", "Distribution of the programming error", programming_cdf),
    *(Figure("ED 5a", f"Floorplan of chip {chip + 1}", _of_chip("floorplan", chip)) for chip in range(4)),
    Figure("ED 7b", "Floorplan of chip 5", _of_chip("floorplan", 4)),
    Figure("ED 7c", "Routes of chip 5", _of_chip("routes", 4)),
    Figure("ED 8", "Error of products, chip by chip: the keyword network", products),
    Figure("ED 9", "Sentences in software and on the chip", None, "pcmesh rnnt evaluate --engine chip"),
    Figure("ED 10c, d", "Digital operations by task", digital_tasks),
)
