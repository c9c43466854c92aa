"""Figures of the RNN-T's word errors: the published network where it is given, else the small one that ships."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcmesh.analysis.accuracy import ISO_ACCURACY
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.figures.shapes import Data, means
from pcmesh.studies.paper.listener import COARSE_BITS, EXPANDED_ROWS, FEWER_COPIES, NOMINAL_COPIES, SWEPT_ROWS, Listener
from pcmesh.studies.paper.transducer_layers import WITHOUT_JOINT

_WER = "word error rate, %"
_SENTENCES = 12


def bits(e: Experiments) -> Data:
    """Word errors against the bits of all weights, of a block's, of a layer's."""
    found = e.listener.sensitivity
    return {
        "kind": "sensitivity",
        "metric": "word error rate",
        "measure": {"better": "lower"},
        "whole": WITHOUT_JOINT,
        "baseline": found.baseline.accuracy,
        "limit": found.limit,
        "curves": [curve.as_json() for curve in found.curves],
        "effective_bits": e.listener.effective_bits_json,
    }


def alone(e: Experiments) -> Data:
    """What is lost with each layer alone on the chips."""
    return _both(e, {one["layers"][0]: one for one in e.listener.fresh if len(one["layers"]) == 1})


def cumulative(e: Experiments) -> Data:
    """What is lost with one more layer at a time on the chips, and with all of them with weight expansion."""
    first, *_ = fresh = e.listener.fresh
    growing = {first["layers"][0]: first} | {f"+ {one['layers'][-1]}": one for one in fresh if len(one["layers"]) > 1}
    return _both(e, growing | {f"all, expanded to {EXPANDED_ROWS:,} rows": e.listener.expanded})


def after_a_week(e: Experiments) -> Data:
    """What is lost with all layers on the chips, at once and after a week."""
    return _both(e, {"as calibrated": e.listener.together, "a week later": e.listener.week_later})


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
    return {"kind": "lines", "x": title, "y": _WER, "curves": curves, "levels": _levels(software / 100), "log_y": True}


def copies_and_expansion(e: Experiments) -> Data:
    """Word errors with Enc-LSTM0 on the chips, its inputs copied or expanded to more and more rows."""
    listener, features = e.listener, e.listener.network.widths.features
    copied = {features * n: listener.first_layer(copies=n)["conditions"][-1] for n in FEWER_COPIES}
    runs = {
        "copies": copied | {features * NOMINAL_COPIES: listener.fresh[0]},
        "weight expansion": {rows: listener.first_layer(expand=rows)["conditions"][-1] for rows in SWEPT_ROWS},
    }
    curves = {}
    for name, by_rows in runs.items():
        whole = [100 * one["wer"]["mean"] for one in by_rows.values()]
        curves[name] = [list(by_rows), whole, [[100 * end for end in one["wer"]["ci95"]] for one in by_rows.values()]]
    software = listener.study["software"]["wer"]
    return {"kind": "lines", "x": "rows of Wx", "y": _WER, "curves": curves, "levels": _levels(software)}


def halved(e: Experiments) -> Data:
    """Efficiency of chip 4, and what is lost, with the whole and with half the integration time."""
    rate = {"whole": "chip 4", "half": "chip 4, half the integration time"}
    words = {"whole": e.kws_accuracies, "half": e.kws_halved}
    lost = _both(e, {"whole": e.listener.together, "half": e.listener.halved})
    efficiency = means("TOPS/W of chip 4 (fitted)", {name: [e.power[key, "TOPS/W"]] for name, key in rate.items()}, {})
    spotted = means("keyword accuracy, %", {name: [100 * v for v in values] for name, values in words.items()}, {})
    return {"kind": "several", "parts": [efficiency, *lost["parts"], spotted]}


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


def _both(e: Experiments, conditions: Mapping[str, Mapping[str, Any]]) -> Data:
    """Return word errors, and minus the log-probability of what is said, which varies less from chip to chip."""
    software = e.listener.study["software"]
    rates = {name: [100 * float(v) for v in one["wer"]["per_chip"]] for name, one in conditions.items()}
    nats = {name: one["nats_per_letter"]["per_chip"] for name, one in conditions.items()}
    parts = [
        means(_WER, rates, _levels(software["wer"])),
        means("-ln p of what is said, nats per letter", nats, {"software": software["nats_per_letter"]}),
    ]
    return {"kind": "several", "parts": parts}


def _levels(software: float) -> dict[str, float]:
    return {"software": 100 * software, "99 % of software's accuracy": 100 * (1 - ISO_ACCURACY * (1 - software))}


def described(e: Experiments) -> str:
    """Return what was heard, by which network, on how many chips."""
    listener: Listener = e.listener
    return f"{listener.described}; chips: {listener.chips}"
