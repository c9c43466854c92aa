"""Accuracy of the RNN-T: with the published checkpoint and LibriSpeech where they are given, else of the small network
that ships, which is another one and stands beside the claim, never for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pcmesh.analysis.accuracy import ISO_ACCURACY
from pcmesh.analysis.sensitivity.curves import threshold_text
from pcmesh.studies.paper.claims import Value
from pcmesh.studies.paper.experiments import SPEECH_FILES, Experiments
from pcmesh.studies.paper.found import Also, Found, computed, given, needs_data, simulated
from pcmesh.studies.paper.listener import Listener
from pcmesh.studies.paper.transducer_layers import NETWORK, rnnt_layers
from pcmesh.workloads.rnnt.on_chip.recipe import CALIBRATION_FRAMES

PUBLISHED_WER, PUBLISHED_EXPANDED_WER = 0.07452, 0.09258
_SMALL = "another network: rnnt-small"

Measure = Callable[[Listener], Value]


def limit(_: Experiments) -> Found:
    """Take 99 % of the published accuracy."""
    return given(100 * (1 - ISO_ACCURACY * (1 - PUBLISHED_WER)), "arithmetic on the published 7.452 %")


def share(_: Experiments) -> Found:
    """Divide the published accuracies."""
    value = 100 * (1 - PUBLISHED_EXPANDED_WER) / (1 - PUBLISHED_WER)
    return given(value, "arithmetic on the published 9.258 % and 7.452 %")


def calibration_frames(_: Experiments) -> Found:
    """The number is a setting."""
    return given(CALIBRATION_FRAMES, "a setting of pcmesh rnnt evaluate --engine chip")


def software(listener: Listener) -> Value:
    """Word error rate in software."""
    return listener.word_error_rate


def threshold(listener: Listener) -> Value:
    """Bits of all weights that keep 99 % of the accuracy."""
    curve = listener.sensitivity.curve(NETWORK)
    return curve.threshold if math.isfinite(curve.threshold) else threshold_text(curve.threshold, curve.bits)


def ranking(listener: Listener) -> Value:
    """The three layers that need most bits."""
    layers = sorted(rnnt_layers(listener.network.widths), key=lambda n: -listener.sensitivity.curve(n).threshold)
    return ", ".join(_named(layer) for layer in layers[:3])


def coarse(listener: Listener) -> Value:
    """Word error rates with Enc-LSTM0 at 3.5 bits."""
    return listener.coarse_first_layer


def together(listener: Listener) -> Value:
    """Word error rate with all layers on chips."""
    return _rate(listener.together)


def week(listener: Listener) -> Value:
    """The same after a week of drift."""
    return _rate(listener.week_later)


def expanded(listener: Listener) -> Value:
    """The same with weight expansion."""
    return _rate(listener.expanded)


def worst(listener: Listener) -> Value:
    """The layer with the most word errors when it alone is on the chip."""
    return _named(listener.ranking[0]["layers"][0])


def agreement(listener: Listener) -> str:
    """On how many chips that layer is the worst, in word errors and in log-probability."""
    found = []
    for entry in listener.ranking:
        first = round(entry["chips"] * entry["share_of_first"])
        found.append(f"by {entry['measure']} {_named(entry['layers'][0])} on {first} of {entry['chips']} chips")
    return "; ".join(found)


def _rate(condition: Mapping[str, Any]) -> float:
    return 100 * float(condition["wer"]["mean"])


def _named(layer: str) -> str:
    """Return a layer's name as the paper writes it."""
    block, _, rest = layer.partition("-")
    part = rest.capitalize() if rest == "emb" else rest.upper()
    return f"{block if block == 'joint' else block.capitalize()}-{part}"


def _answer(e: Experiments, measure: Measure, on_chip: bool, long: bool, more: Callable[[Listener], str]) -> Found:
    """Measure with the published network where it is there; beside it, unless it takes too long, with the small one."""
    if e.published is not None:
        value = measure(e.published)
        return (simulated if on_chip else computed)(value, _note(e.published, on_chip, more))
    if long and not e.options.full:
        return needs_data(f"{SPEECH_FILES}; rnnt-small beside it: pcmesh paper --full")
    value = measure(e.small)
    small = Also(_SMALL, value, "simulated" if on_chip else "computed", _note(e.small, on_chip, more))
    return needs_data(SPEECH_FILES).beside(small)


def _note(listener: Listener, on_chip: bool, more: Callable[[Listener], str]) -> str:
    chips = f"chips: {listener.chips}" if on_chip else ""
    return "; ".join(part for part in (listener.described, chips, more(listener)) if part)


def _with(
    measure: Measure, on_chip: bool = False, long: bool = True, more: Callable[[Listener], str] = lambda _: ""
) -> Callable[[Experiments], Found]:
    return partial(_answer, measure=measure, on_chip=on_chip, long=long, more=more)


def _chosen(condition: Callable[[Listener], Mapping[str, Any]]) -> Callable[[Listener], str]:
    """Return what tells software's word errors, the interval over chips, and both log-probabilities."""

    def told(listener: Listener) -> str:
        one, software = condition(listener), listener.study["software"]
        low, high = (100 * value for value in one["wer"]["ci95"])
        nats = one["nats_per_letter"]["mean"]
        return (
            f"95 % interval {low:.2f} to {high:.2f} %, software {100 * software['wer']:.2f} %; "
            f"-ln p {nats:.4f} nats a letter, software {software['nats_per_letter']:.4f}"
        )

    return told


ANSWERS: Mapping[int, Callable[[Experiments], Found]] = {
    31: _with(software, long=False),
    32: limit,
    33: _with(threshold),
    34: _with(ranking),
    48: calibration_frames,
    51: _with(together, on_chip=True, more=_chosen(lambda one: one.together)),
    52: _with(week, on_chip=True, more=_chosen(lambda one: one.week_later)),
    53: _with(expanded, on_chip=True, more=_chosen(lambda one: one.expanded)),
    54: share,
    55: _with(coarse, long=False),
    58: _with(worst, on_chip=True, more=agreement),
}
