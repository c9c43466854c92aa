"""Devices and columns: programming, what its errors are worth, ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

from pcmesh.analysis.sensitivity.effective_bits import EffectiveBits, bits_of_weight_error, effective_bits
from pcmesh.analysis.sensitivity.groups import NETWORK
from pcmesh.performance import Link
from pcmesh.programming.quality import overall
from pcmesh.studies.paper.expansion import FEATURES, powers
from pcmesh.studies.paper.experiments import SPEECH_FILES, Experiments
from pcmesh.studies.paper.found import Also, Found, fitted, given, needs_data, quoted, simulated


def expansion_law(e: Experiments) -> Found:
    """Program a layer expanded to more and more rows."""
    points = e.expansion
    note = f"programmed tiles, {FEATURES} inputs on {points[0].rows} to {points[-1].rows} rows; errors of devices only"
    return simulated(powers(points), note)


def precision(e: Experiments) -> Found:
    """Read the bits of the chips' word errors off the network's curve.

    Beside it: keywords, what the programming error of a weight alone would be worth, and in a full run the small RNN-T.
    """
    if e.published is not None and e.options.full:
        return simulated(e.published.effective_bits.mean, _interval(e.published.effective_bits))
    words = effective_bits(e.kws_sensitivity.curve(NETWORK), e.kws_accuracies)
    note = f"{e.speech}, {len(e.kws.speech):,} words, chips: {len(words.per_chip)}; {_interval(words)}"
    found = needs_data(f"{SPEECH_FILES}, and --full: from word errors alone").beside(
        Also("another network: keywords on chips", words.mean, "simulated", note), _weight_bits(e)
    )
    if not e.options.full:
        return found
    bits = e.small.effective_bits
    note = f"word errors, {e.small.described}, chips: {e.small.chips}; {_interval(bits)}"
    return found.beside(Also("another network: rnnt-small on chips", bits.mean, "simulated", note))


def _interval(bits: EffectiveBits) -> str:
    if bits.interval is None:
        return "no interval of one chip"
    low, high = (f"{end:.2f}" if math.isfinite(end) else "beyond the curve" for end in bits.interval)
    return f"95 % interval over chips {low} to {high} bits"


def _weight_bits(e: Experiments) -> Also:
    """Turn the programming error of a weight, both pairs that hold it together, into the bits that round as badly."""
    errors = []
    for run in e.kws_runs:
        first, second = ({q.tile: q.error for q in run.quality if q.pair == pair} for pair in (1, 2))
        errors += [(first[tile] - second[tile]).flatten() / 2 for tile in first]
    sigma = float(torch.cat(errors).std())
    note = f"σ {100 * sigma:.2f} % of Max W, half the difference of the pairs that hold W and -W; not from word errors"
    return Also("programming errors alone, keywords' weights", bits_of_weight_error(sigma), "simulated", note)


def region(_: Experiments) -> Found:
    """No figure: where a gate counts as saturated is a matter of choice."""
    return quoted("a choice: at 5 a sigmoid is within 0.7 % of its end")


def analog_yield(e: Experiments) -> Found:
    """Take all tiles of all chips."""
    found = [overall(run.quality) for run in e.kws_runs]
    worst = sum(error for _, error in found) / len(found)
    return simulated(100 * sum(good for good, _ in found) / len(found), f"mean error {100 * worst:.2f} % of Max W")


def capacitor(e: Experiments) -> Found:
    """See how many capacitors the calibrated layers connect."""
    column = e.chip.column
    used = [span.capacitor_units for chip in e.kws_chips for span in chip.calibration.ranges.values()]
    typical = sorted(used)[len(used) // 2] * column.capacitor_unit_ff
    chosen = ", ".join(f"{units * column.capacitor_unit_ff:g}" for units in used[:3])
    note = f"the layers' ranges connect {chosen} fF; the mirror's ratio was chosen for about 250 fF"
    return fitted((column.capacitor_units, column.capacitor_unit_ff, typical), note)


def link(_: Experiments) -> Found:
    """Multiply."""
    bench = Link()
    return given((bench.pins, bench.pin_mhz, bench.gbit_s), "pins x rate; both are the paper's")


ANSWERS: Mapping[int, Callable[[Experiments], Found]] = {
    56: expansion_law,
    59: precision,
    60: region,
    61: analog_yield,
    63: capacitor,
    64: lambda e: given(e.chip.column.read_voltage_v, "of the chip file"),
    66: link,
}
