"""Figures of the RNN-T's word errors: the published network where it is given, else the small one that ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcmesh.evaluation.accuracy import ISO_ACCURACY
from pcmesh.workloads.paper.experiments import Experiments
from pcmesh.workloads.paper.figures.shapes import Data, means
from pcmesh.workloads.paper.listener import COARSE_BITS, COPIES, SWEPT_ROWS, WEEK_S, Listener
from pcmesh.workloads.rnnt.sensitivity import WITHOUT_JOINT

_WER = "word error rate, %"
_SENTENCES = 12
_ROWS = 1024


def bits(e: Experiments) -> Data:
    """Word errors against the bits of all weights, of a block's, of a layer's."""
    found = e.listener.sensitivity
    return {
        "kind": "sensitivity",
        "metric": "wer",
        "whole": WITHOUT_JOINT,
        "baseline": found.baseline.accuracy,
        "limit": found.limit,
        "curves": [curve.as_json() for curve in found.curves],
        "effective_bits": e.listener.effective_bits_json,
    }


def alone(e: Experiments) -> Data:
    """Word errors with each layer alone on the chips."""
    study = e.listener.study
    single = {one["layers"][0]: _percent(one) for one in study["conditions"] if len(one["layers"]) == 1}
    return _rates(study, single)


def cumulative(e: Experiments) -> Data:
    """Word errors with one more layer at a time on the chips, and all of them with weight expansion."""
    study = e.listener.study
    first = study["conditions"][0]["layers"][0]
    growing = {first: _percent(study["conditions"][0])}
    growing |= {f"+ {one['layers'][-1]}": _percent(one) for one in study["conditions"] if len(one["layers"]) > 1}
    return _rates(study, growing | {f"all, expanded to {_ROWS:,} rows": _whole(e.listener.on_chip(expand=_ROWS))})


def after_a_week(e: Experiments) -> Data:
    """Word errors with all layers on the chips, at once and after a week."""
    study, listener = e.listener.study, e.listener
    measured = {
        "as calibrated": _whole(study),
        "a week later": _whole(listener.on_chip(time_s=WEEK_S)),
        "a week later, read-out fitted anew": _whole(listener.on_chip(time_s=WEEK_S, recalibrate=True)),
    }
    return _rates(study, measured)


def coarse(e: Experiments) -> Data:
    """Word errors with a coarse Enc-LSTM0 against the rows that it is expanded to."""
    listener = e.listener
    software = 100 * (1 - listener.sensitivity.baseline.accuracy)
    curves = {}
    for number in COARSE_BITS:
        points = listener.coarse(number)
        found = [(point.rows, 100 * (1 - point.accuracy)) for point in points]
        curves[f"{number:g} bits"] = [list(values) for values in zip(*found, strict=True)]
    title = f"rows of Enc-LSTM0 Wx ({listener.network.widths.features}: as trained)"
    return {"kind": "lines", "x": title, "y": _WER, "curves": curves, "levels": _levels(software / 100)}


def copies_and_expansion(e: Experiments) -> Data:
    """Word errors with Enc-LSTM0 on the chips, its inputs copied or expanded to more and more rows."""
    features = e.listener.network.widths.features
    runs = {
        "copies": {features * n: e.listener.first_layer(copies=n) for n in COPIES},
        "weight expansion": {rows: e.listener.first_layer(expand=rows) for rows in SWEPT_ROWS},
    }
    curves = {}
    for name, by_rows in runs.items():
        whole = [100 * one["conditions"][-1]["wer"]["mean"] for one in by_rows.values()]
        ends = [[100 * v for v in one["conditions"][-1]["wer"]["ci95"]] for one in by_rows.values()]
        curves[name] = [list(by_rows), whole, ends]
    software = e.listener.study["software"]["wer"]
    return {"kind": "lines", "x": "rows of Wx", "y": _WER, "curves": curves, "levels": _levels(software)}


def halved(e: Experiments) -> Data:
    """Efficiency of chip 4, word errors and keywords with the whole and with half the integration time."""
    rate = {"whole": "chip 4", "half": "chip 4, half the integration time"}
    runs = {"whole": e.listener.study, "half": e.listener.halved}
    words = {"whole": e.kws_accuracies, "half": e.kws_halved}
    shown = [
        ("TOPS/W of chip 4 (fitted)", {name: [e.power[key, "TOPS/W"]] for name, key in rate.items()}),
        (_WER, {name: _whole(result) for name, result in runs.items()}),
        ("keyword accuracy, %", {name: [100 * v for v in values] for name, values in words.items()}),
    ]
    return {"kind": "several", "parts": [means(y, measured, {}) for y, measured in shown]}


def product_errors(e: Experiments) -> Data:
    """Distribution of the errors of each matrix's products."""
    return {"kind": "error_histograms", "layers": [_without_scatter(one) for one in e.listener.study["layers"]]}


def spreads(e: Experiments) -> Data:
    """Spread of the programming error and yield of each tile."""
    keys = ("chip", "pair", "spread_1_99", "analog_yield")
    return {
        "kind": "spreads",
        "programming": [{key: one[key] for key in keys} for one in e.listener.study["programming"]],
    }


def sentences(e: Experiments) -> Data:
    """What was said, what software wrote, what the first chips wrote."""
    every = e.listener.study["utterances"]
    ordered = sorted(every, key=lambda one: one["software"] == one["chip"])
    differing = ordered[: _SENTENCES // 2]
    shown = differing + ordered[len(differing) :][-(_SENTENCES // 2) :]
    different = sum(one["software"] != one["chip"] for one in every)
    return {"kind": "sentences", "utterances": shown, "different": different, "of": len(every)}


def _without_scatter(layer: Mapping[str, Any]) -> Data:
    return {key: value for key, value in layer.items() if key != "scatter"}


def _rates(result: Mapping[str, Any], measured: Mapping[str, Sequence[float]]) -> Data:
    return means(_WER, measured, _levels(result["software"]["wer"]))


def _levels(software: float) -> dict[str, float]:
    return {"software": 100 * software, "99 % of software's accuracy": 100 * (1 - ISO_ACCURACY * (1 - software))}


def _whole(result: Mapping[str, Any]) -> list[float]:
    return _percent(result["conditions"][-1])


def _percent(condition: Mapping[str, Any]) -> list[float]:
    return [100 * float(rate) for rate in condition["wer"]["per_chip"]]


def described(e: Experiments) -> str:
    """Return what was heard, by which network, on how many chips."""
    listener: Listener = e.listener
    return f"{listener.described}; chips: {listener.chips}"
