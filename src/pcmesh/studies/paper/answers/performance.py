"""Time, operations and energy of the RNN-T on five chips."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pcmesh.performance.costs import load_costs
from pcmesh.performance.energy import operation_energy
from pcmesh.performance.mlperf import load_submissions
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.found import Also, Found, computed, fitted, given, needs_data, predicted, quoted
from pcmesh.workloads.rnnt.compiled.published import BEST_MLPERF, MEASURED_CHIP

_RATE = "TOPS/W"
_LETTER = "assumes one operation of chip 5 a letter"
_PREDICTED = (
    f"costs fitted to chip 4, tile and digital energy, their structure chosen knowing the system's figure; {_LETTER}"
)
_MANIFEST = "MLPerf's list of the recordings (--manifest FILE)"


def _source(e: Experiments) -> str:
    return "MLPerf's recordings" if e.options.manifest else f"{len(e.load.frames):,} stand-ins of the mean length"


def queries(e: Experiments) -> Found:
    """Count the list's recordings of at most 15 s."""
    if e.options.manifest is None:
        return needs_data(_MANIFEST)
    return computed(len(e.load.frames), "of at most 15 s")


def total_time(e: Experiments) -> Found:
    """Simulate the pipeline of chips."""
    note = f"{_LETTER}; {_source(e)}, one after the other; {e.run_overlapping.total_s:.4f} s overlapping"
    return computed(e.run.total_s, note)


def rate(e: Experiments) -> Found:
    """Divide."""
    return computed(e.run.samples_per_s, f"{_LETTER}; {_source(e)}; {e.run_overlapping.samples_per_s:,.1f} overlapping")


def mean_time(e: Experiments) -> Found:
    """Divide."""
    return computed(1e6 / e.run.samples_per_s, f"{_LETTER}; {_source(e)}; the paper rounds")


def audio(e: Experiments) -> Found:
    """Sum the list's durations."""
    if e.options.manifest is None:
        return needs_data(_MANIFEST)
    return computed(e.load.audio_s / 60, "of at most 15 s")


def real_time(e: Experiments) -> Found:
    """Divide."""
    times = f"{1 / e.run.real_time_factor:,.0f} times as fast as speech"
    return computed(e.run.real_time_factor, f"{_LETTER}; {_source(e)}; {times}")


def ratio(e: Experiments) -> Found:
    """Count operations of both kinds."""
    runs = (e.run.operations, e.run_expanded.operations)
    note = f"{_source(e)}; {runs[0].total_analog / 1e12:.2f} T analog; what a digital step costs is partly assumed"
    return computed(tuple(run.total_analog / run.total_digital for run in runs), note)


def analog_share(e: Experiments) -> Found:
    """Count operations of both kinds."""
    runs = (e.run_expanded.operations, e.run.operations)
    shares = [100 * run.total_analog / (run.total_analog + run.total_digital) for run in runs]
    return computed(shares[0], f"with expansion; {shares[1]:.2f} % without; {_source(e)}")


def chip_4(e: Experiments) -> Found:
    """Count the events of the power test, times their costs."""
    return fitted(e.power["chip 4", _RATE], "fitted to this figure: energy of a pulse sent")


def halved(e: Experiments) -> Found:
    """Repeat the power test with half the integration time."""
    value = e.power["chip 4, half the integration time", _RATE]
    gain = 100 * (value / e.power["chip 4", _RATE] - 1)
    note = (
        "predicted: half of what devices conduct, and less time on; that a column's own current counts by result was "
        "chosen knowing this figure; the paper loses 1 % WER"
    )
    found = predicted((value, gain), note)
    words, half = (100 * sum(values) / len(values) for values in (e.kws_accuracies, e.kws_halved))
    note = f"accuracy in %, whole and half the integration time; chips: {len(e.kws_halved)}, {e.speech}"
    found = found.beside(Also("what it costs: keywords spotted", (words, half), "simulated", note))
    if not e.options.full:
        return found
    runs = (e.listener.together, e.listener.halved)
    rates = tuple(100 * one["wer"]["mean"] for one in runs)
    nats = " and ".join(f"{one['nats_per_letter']['mean']:.4f}" for one in runs)
    note = f"word error rates in %, whole and half; {e.listener.described}, chips: {e.listener.chips}; -ln p {nats}"
    return found.beside(Also("what it costs: word errors", rates, "simulated", note))


def tile(e: Experiments) -> Found:
    """Count only what the 1.5-V supply feeds, and which part of it the devices conduct."""
    energy = operation_energy(e.scenes.activity["nominal"][MEASURED_CHIP], load_costs()).of_supply("1.5 V")
    share = 100 * energy.by("cost")["conduct"] / energy.total
    note = f"fitted to this figure: energy of a result of a column; {share:.0f} % is what devices conduct, derived"
    return fitted(e.power["tile, 1.5 V only", _RATE], note)


def five_chips(e: Experiments) -> Found:
    """Add the chips' energies, each as often as it runs."""
    return predicted(e.power["five chips", _RATE], f"{_PREDICTED}; {_source(e)}")


def system(e: Experiments) -> Found:
    """Add the digital side."""
    return predicted((e.power["system", _RATE], e.power["system", "J"]), f"{_PREDICTED}; {_source(e)}")


def expanded_system(e: Experiments) -> Found:
    """The same with weight expansion."""
    names = (("system, expanded", _RATE), ("system, expanded", "J"), ("power, expanded", "W"))
    values = [e.power[name] for name in (*names, ("system, expanded", "samples/s/W"))]
    return predicted(tuple(values), f"{_PREDICTED}; {_source(e)}")


def digital_energy(e: Experiments) -> Found:
    """Count digital operations, times their cost."""
    values = (e.power["digital energy", "J"], e.power["digital energy, expanded", "J"])
    return fitted(values, "fitted to these figures: energy of a digital operation")


def submissions(_: Experiments) -> Found:
    """Divide throughput by power for each data-centre system."""
    found = load_submissions()
    rates = [system.samples_per_s_per_w for system in found.system if not system.edge]
    return computed((min(rates), max(rates)), found.source)


def better(e: Experiments) -> Found:
    """Divide by the best submission."""
    return predicted(e.power["against the best of MLPerf", "x"], f"{_PREDICTED}; against {BEST_MLPERF} samples/s/W")


ANSWERS: Mapping[int, Callable[[Experiments], Found]] = {
    50: queries,
    69: lambda e: given(e.chip.digital.layer_ns, "of the chip file"),
    70: total_time,
    71: rate,
    72: mean_time,
    73: audio,
    74: real_time,
    75: chip_4,
    76: halved,
    77: tile,
    78: five_chips,
    79: system,
    80: expanded_system,
    81: digital_energy,
    82: ratio,
    83: analog_share,
    84: submissions,
    85: better,
    86: lambda _: quoted("another study (its reference 20)"),
}
