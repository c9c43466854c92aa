"""Time and energy of any network: by name (`rnnt`, `kws`) or from a folder that `pcmesh compile` wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pcmesh.chip import ChipSpec, load_chip
from pcmesh.compiled import load_compiled
from pcmesh.errors import ConfigurationError
from pcmesh.evaluation.performance import Compiled, DataSet, Run, TimeOptions, plan, run_time
from pcmesh.evaluation.performance.costs import load_costs
from pcmesh.evaluation.performance.energy import run_energy
from pcmesh.evaluation.performance.result import data_result, variant_result
from pcmesh.model import LayerGraph
from pcmesh.workloads.kws.graph import keyword_graph, keyword_options
from pcmesh.workloads.kws.network import load_keyword_network
from pcmesh.workloads.power import power_tests
from pcmesh.workloads.rnnt.performance import EXPANDED_ROWS, rnnt_plans, time_rnnt
from pcmesh.workloads.rnnt.speech_load import LoadOptions, speech_load
from pcmesh.workloads.rnnt.widths import RnntWidths

Progress = Callable[[str, int, int], None]

FRAMES = 1000


@dataclass(frozen=True, kw_only=True)
class PerfOptions:
    """What to measure.

    Attributes:
        network: `rnnt`, `kws`, or a folder with a compiled network.
        load: which recordings (RNN-T); `load.utterances` is the number of frames for other networks.
        time: how a run is timed.
        expand: rows of the RNN-T's expanded variant.
        expanded: report the expanded variant first.
    """

    network: str = "rnnt"
    load: LoadOptions = field(default_factory=LoadOptions)
    time: TimeOptions = field(default_factory=TimeOptions)
    expand: int = EXPANDED_ROWS
    expanded: bool = False


def run_performance(
    options: PerfOptions, chip: ChipSpec | None, progress: Progress = lambda *_: None
) -> dict[str, Any]:
    """Measure a network and return the result; docs/performance.md describes its keys.

    Args:
        options: what to measure.
        chip: the chip; None: `nature2023`, or that of a compiled network.
        progress: is told the stage, what is done and how much there is.

    Raises:
        InputError: no such network or recordings.
        ConfigurationError: another chip for a compiled network.
        CapacityError: the network does not fit the chip.
    """
    plans = _plans(options, chip, progress)
    first = next(iter(plans.values()))
    widths = rnnt_widths(first.graph) if first.graph.name == "rnnt" else None
    data = _data(options, widths)
    activities = power_tests(plans, options.load.seed, progress)
    costs = load_costs()
    chosen = "expanded" if options.expanded and "expanded" in plans else next(iter(plans))
    variants = {}
    for name, compiled in plans.items():
        times = {overlap: replace(options.time, overlap=overlap) for overlap in (False, True)}
        runs = {overlap: _run(compiled, widths, data, time) for overlap, time in times.items()}
        run = runs[options.time.overlap]
        variants[name] = variant_result(run, runs, run_energy(run, activities[name], costs), costs)
    return {
        "network": first.graph.name,
        "chip": first.chip.name,
        "data": data_result(data),
        "options": {"overlap": options.time.overlap, "decoder": options.time.decoder, "seed": options.load.seed},
        "variant": chosen,
        **variants[chosen],
        "variants": variants,
    }


def rnnt_widths(graph: LayerGraph) -> RnntWidths:
    """Return the sizes of a compiled RNN-T."""
    encoder = graph.vector("enc-lstm0-h").size
    return RnntWidths(
        features=graph.vector("features").size,
        encoder=encoder,
        stack=graph.vector("enc-lstm2-x").size // encoder,
        prediction=graph.vector("dec-lstm0-h").size,
        joint=graph.vector("enc-fc-out").size,
        labels=graph.vector("token").size,
    )


def _plans(options: PerfOptions, chip: ChipSpec | None, progress: Progress) -> Mapping[str, Compiled]:
    if options.network == "rnnt":
        return rnnt_plans(RnntWidths(), options.expand, chip or load_chip(), progress)
    if options.network == "kws":
        return {"as mapped": plan(keyword_graph(load_keyword_network()), chip or load_chip(), keyword_options(True))}
    if chip is not None:
        raise ConfigurationError(
            f"another chip for {options.network}, which is compiled already", "Compile it for that chip: pcmesh compile"
        )
    return {"as compiled": load_compiled(Path(options.network))}


def _data(options: PerfOptions, widths: RnntWidths | None) -> DataSet:
    if widths is not None:
        return speech_load(replace(options.load, stack=widths.stack))
    if options.load.manifest is not None or options.load.data is not None:
        raise ConfigurationError("recordings are for the RNN-T", "Say how many frames: --utterances N")
    count = options.load.utterances or FRAMES
    return DataSet(frames=np.ones(count, dtype=np.int64), audio_s=0.0, described=f"{count:,} frames")


def _run(compiled: Compiled, widths: RnntWidths | None, data: DataSet, time: TimeOptions) -> Run:
    return run_time(compiled, data, time) if widths is None else time_rnnt(compiled, widths, data, time)
