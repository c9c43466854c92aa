"""Devices and columns: programming, what its errors are worth, ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

from pcmesh.analysis.sensitivity.effective_bits import EffectiveBits, bits_of_weight_error, effective_bits
from pcmesh.performance import Link
from pcmesh.programming.quality import overall
from pcmesh.studies.paper.expansion import FEATURES, powers
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.found import Also, Found, computed, fitted, quoted, simulated
from pcmesh.workloads.kws.sensitivity import NETWORK

_NEARLY = 0.01
"""A gate within this of its end counts as saturated."""


def expansion_law(e: Experiments) -> Found:
    """Program a layer expanded to more and more rows."""
    points = e.expansion
    note = f"programmed tiles, {FEATURES} inputs on {points[0].rows} to {points[-1].rows} rows; errors of devices only"
    return simulated(powers(points), note)


def precision(e: Experiments) -> Found:
    """Read the bits of the chips' word errors off the network's curve; without the files, those of programming errors.

    Beside it: keywords, and in a full run the small RNN-T.
    """
    if e.published is not None and e.options.full:
        return simulated(e.published.effective_bits.mean, _interval(e.published.effective_bits))
    words = effective_bits(e.kws_sensitivity.curve(NETWORK), e.kws_accuracies)
    note = f"{e.speech}, {len(e.kws.speech):,} words, chips: {len(words.per_chip)}; {_interval(words)}"
    found = programming_bits(e).beside(Also("another network: keywords on chips", words.mean, "simulated", note))
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


def programming_bits(e: Experiments) -> Found:
    """Turn the programming error into the bits that round as badly."""
    errors = torch.cat([pair.error.flatten() for run in e.kws_runs for pair in run.quality])
    sigma = float(errors.std())
    note = f"from the programming error alone (σ {100 * sigma:.2f} % of Max W), not from word errors"
    return simulated(bits_of_weight_error(sigma), note)


def region(_: Experiments) -> Found:
    """Find where a sigmoid is within 1 % of its end."""
    edge = math.log((1 - _NEARLY) / _NEARLY)
    return computed((-edge, edge), "beyond, a sigmoid is within 1 % of its end (tanh: beyond half of that)")


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
    return computed((bench.pins, bench.pin_mhz, bench.gbit_s), "pins x rate; both are the paper's")


ANSWERS: Mapping[int, Callable[[Experiments], Found]] = {
    56: expansion_law,
    59: precision,
    60: region,
    61: analog_yield,
    63: capacitor,
    64: lambda e: quoted("an input of the chip's description", e.chip.column.read_voltage_v),
    66: link,
}
