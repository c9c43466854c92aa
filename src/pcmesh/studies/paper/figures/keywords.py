"""Figures of the keyword network."""

from __future__ import annotations

import torch

from pcmesh.analysis.accuracy import accuracy
from pcmesh.analysis.sensitivity.groups import NETWORK
from pcmesh.random import torch_generator
from pcmesh.speech.front_ends.keywords import keyword_features
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.figures.shapes import Data, bars, lines, means
from pcmesh.training.noise import Normal, add_relative_normal
from pcmesh.workloads.kws.experiment import spot
from pcmesh.workloads.kws.network import LAYERS, KeywordNetwork
from pcmesh.workloads.kws.prepare import remapped

_NOISE = (0.0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.14, 0.2)
_DRAWS = 4


def balance(e: Experiments) -> Data:
    """Error of products with asymmetry balance and without."""
    plain = remapped(e.kws, balanced=False, calibrated=True)
    without = spot(plain, plain.model).mac
    with_ = e.kws_runs[0].mac
    return bars(
        "σ of the error, % of full scale",
        list(LAYERS),
        {
            "asymmetry balance": [100 * with_[name].sigma for name in LAYERS],
            "4-PCM": [100 * without[name].sigma for name in LAYERS],
        },
    )


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
    found = e.kws_sensitivity
    return {
        "kind": "sensitivity",
        "metric": "accuracy",
        "measure": {"better": "higher"},
        "whole": NETWORK,
        "baseline": found.baseline.accuracy,
        "limit": found.limit,
        "curves": [curve.as_json() for curve in found.curves],
    }


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
        weight = add_relative_normal(network.get_parameter(f"{name}.weight").detach(), sigma, Normal(generator))
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


def techniques(e: Experiments) -> Data:
    """Accuracy on the same chips with one technique left out."""
    found = e.techniques["techniques"]
    first = found[0]["software_accuracy"]
    measured = {one["name"]: [100 * value for value in one["chip_accuracy"]["per_chip"]] for one in found}
    return means("accuracy, %", measured, {"software": 100 * first, "99 % of software": 99 * first}) | {"zoom": True}


def bias_rows(e: Experiments) -> Data:
    """Offsets of the first layer's columns as programmed, and after the slopes and the bias rows were calibrated."""
    raw = remapped(e.kws, e.kws.options.balanced, calibrated=False).model.side.chip
    frames = e.kws.model.program.frames.inputs[LAYERS[0]]
    curves = {}
    for name, chip in (("as programmed", raw), ("slopes and bias rows calibrated", e.kws_chips[0])):
        span = chip.calibration.ranges[LAYERS[0]]
        fit = chip.calibrator(chip.graph.layers, frames).first_layer_fit(chip.network, chip.calibration)
        offsets = (100 * fit.offset / span.output_full_scale).sort().values
        curves[name] = (offsets.tolist(), [100 * (n + 1) / len(offsets) for n in range(len(offsets))])
    return lines("offset of a column, % of full scale", "columns with a smaller offset, %", curves, step=True)


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
