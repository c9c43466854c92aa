"""Time and energy of any network: by name (`rnnt`, `kws`) or from a folder that `pcmesh compile` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pcmesh.analysis.user_code import user_model
from pcmesh.compiled import load_compiled
from pcmesh.deployed import load_model
from pcmesh.deployed.chip.power import power_tests
from pcmesh.deployed.figures.performance import AS_MAPPED, performance_result
from pcmesh.deployed.store.folder import is_programmed
from pcmesh.errors import ConfigurationError
from pcmesh.files.folders import MANIFEST, ROUTED
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.mapping import Encoding
from pcmesh.network import LayerGraph
from pcmesh.performance import Compiled, DataSet, TimedRun, TimeOptions, run_time
from pcmesh.performance.costs import load_costs
from pcmesh.performance.energy import run_energy
from pcmesh.performance.mlperf import comparison
from pcmesh.performance.result import data_result, variant_result
from pcmesh.progress import Progress, quiet
from pcmesh.studies.accuracy_probe import ChipAccuracy, keyword_accuracy, speech_accuracy
from pcmesh.studies.mac_probe import mac_error
from pcmesh.studies.what_if import WhatIf
from pcmesh.workloads.kws.prepare import KwsOptions, prepare
from pcmesh.workloads.rnnt.compiled.performance import EXPANDED_ROWS, rnnt_plans, time_rnnt
from pcmesh.workloads.rnnt.compiled.published import MEASURED_CHIP, Scenes, chip_operations, fit_result, halved_activity
from pcmesh.workloads.rnnt.compiled.speech_load import LoadOptions, speech_load
from pcmesh.workloads.rnnt.widths import RnntWidths

FRAMES = 1000


@dataclass(frozen=True, kw_only=True)
class PerfOptions:
    """What to measure.

    Attributes:
        network: `rnnt`, `kws`, or a folder with a compiled network.
        load: which recordings (RNN-T); `load.utterances` is the number of frames for other networks.
        time: how a run is timed.
        what_if: what is changed of the chip and the mapping.
        mac: measure the error of one tile's products on that chip too.
        accuracy: measure the accuracy on so many instances of that chip too (of `kws`, or of the small RNN-T), of the
            variant that is reported first.
        fit: fit the costs anew and compare with the paper's figures (RNN-T with MLPerf's manifest).
        expand: rows of the RNN-T's expanded variant.
        expanded: report the expanded variant first.
        code: function that makes a network which runs its own code, as FILE.py:FUNCTION.
    """

    network: str = "rnnt"
    load: LoadOptions = field(default_factory=LoadOptions)
    time: TimeOptions = field(default_factory=TimeOptions)
    what_if: WhatIf = field(default_factory=WhatIf)
    mac: bool = False
    accuracy: int = 0
    fit: bool = False
    expand: int = EXPANDED_ROWS
    expanded: bool = False
    code: str | None = None


def run_performance(options: PerfOptions, chip: ChipSpec | None, progress: Progress = quiet) -> dict[str, Any]:
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
    if options.accuracy and options.network not in ("rnnt", "kws"):
        raise ConfigurationError(
            f"--accuracy: nothing is known of what {options.network} should answer", "Use it with rnnt or kws"
        )
    own = chip_model_folder(Path(options.network))
    if own is not None:
        return _own(own, options, chip)
    if options.network == "kws":
        return _keywords(options, chip, progress)
    recorded = _data(options, RnntWidths()) if options.network == "rnnt" else None
    plans = _plans(options, chip, progress)
    first = next(iter(plans.values()))
    widths = rnnt_widths(first.graph) if first.graph.name == "rnnt" else None
    data = recorded or _data(options, widths)
    _check_fit(options, plans)
    activities = power_tests(plans, options.load.seed, progress)
    costs = load_costs()
    runs, variants = {}, {}
    for name, compiled in plans.items():
        times = {overlap: replace(options.time, overlap=overlap) for overlap in (False, True)}
        by_overlap = {overlap: _run(compiled, widths, data, time) for overlap, time in times.items()}
        runs[name] = run = by_overlap[options.time.overlap]
        variants[name] = variant_result(run, by_overlap, run_energy(run, activities[name], costs), costs)
    chosen = "expanded" if options.expanded and "expanded" in plans else next(iter(plans))
    result = {
        "network": first.graph.name,
        "chip": first.chip.name,
        "data": data_result(data),
        "options": {
            "overlap": options.time.overlap,
            "decoder": options.time.decoder,
            "link": options.time.link is not None,
            "encoding": options.what_if.encoding and str(options.what_if.encoding),
            "seed": options.load.seed,
        },
        "variant": chosen,
        **variants[chosen],
        "variants": variants,
    }
    if widths is not None:
        result["comparison"] = comparison(result["samples_per_s"], result["power_w"])
    if options.mac:
        progress("error of products", 0, 1)
        found = mac_error(first.chip, options.what_if.encoding or Encoding.AB, options.load.seed)
        result["mac"] = {"sigma": found.sigma, "correlation": found.correlation}
    if options.accuracy:
        result["accuracy"] = {chosen: _accuracy(options, first.chip, chosen == "expanded", progress).as_json()}
    if options.fit:
        result["fit"] = fit_result(
            Scenes(
                nominal=runs["nominal"],
                expanded=runs["expanded"],
                activity=activities,
                halved=halved_activity(plans["nominal"], options.load.seed),
                operations=chip_operations(runs["nominal"], MEASURED_CHIP),
            ),
            costs,
        )
    return result


def chip_model_folder(folder: Path) -> Path | None:
    """Return the folder of a chip model, where a folder is one or holds a chip model's routes; else None."""
    candidates = [folder, *([folder.parent] if folder.name == ROUTED else [])]
    known = (entry for entry in candidates if (entry / MANIFEST).is_file())
    return next((entry for entry in known if is_programmed(entry)), None)


def _own(folder: Path, options: PerfOptions, chip: ChipSpec | None) -> dict[str, Any]:
    """Return the figures of a chip model: those of its summary."""
    if chip is not None or options.what_if.anything:
        raise ConfigurationError(
            f"another chip for {folder}, which is compiled already", "Compile it for that chip: pcmesh compile"
        )
    given = options.load.manifest, options.load.data, options.load.decoded
    if any(given) or options.time.decoder != "joined" or options.expanded:
        raise ConfigurationError("recordings, letters and expansion are for the RNN-T", "--utterances N says how many")
    if options.mac or options.fit:
        raise ConfigurationError(f"--mac and --fit say nothing of {folder}", "Leave them out")
    model = load_model(folder, None if options.code is None else user_model(options.code, None))
    return performance_result(model.program, options.load.utterances or FRAMES, options.time.overlap, options.time.link)


def _keywords(options: PerfOptions, chip: ChipSpec | None, progress: Progress) -> dict[str, Any]:
    """Return the figures of the keyword network, those of its summary."""
    _check_words(options)
    seed, encoding = options.load.seed, options.what_if.encoding
    changed = options.what_if.chip(chip or load_chip(), tile_to_tile=True)
    model = prepare(KwsOptions(utterances=1, seed=seed), progress, None, changed, encoding).model
    frames, time = options.load.utterances or FRAMES, options.time
    result = performance_result(model.program, frames, time.overlap, time.link)
    if options.mac:
        progress("error of products", 0, 1)
        found = mac_error(changed, encoding or Encoding.AB, seed)
        result["mac"] = {"sigma": found.sigma, "correlation": found.correlation}
    if options.accuracy:
        heard = keyword_accuracy(changed, encoding, options.accuracy, seed, progress)
        result["accuracy"] = {AS_MAPPED: heard.as_json()}
    return result


def _check_words(options: PerfOptions) -> None:
    given = options.load.manifest, options.load.data, options.load.decoded
    if any(given) or options.time.decoder != "joined" or options.expanded or options.fit:
        raise ConfigurationError(
            "recordings, letters, expansion and fitted costs are for the RNN-T", "--utterances N says how many frames"
        )


def _accuracy(options: PerfOptions, chip: ChipSpec, expanded: bool, progress: Progress) -> ChipAccuracy:
    rows = options.expand if expanded else None
    return speech_accuracy(chip, options.what_if.encoding, rows, options.accuracy, options.load.seed, progress)


def _check_fit(options: PerfOptions, plans: Mapping[str, Compiled]) -> None:
    if options.fit and ("nominal" not in plans or options.load.manifest is None or options.what_if.anything):
        raise ConfigurationError(
            "the costs are fitted to the paper's figures, which are of the RNN-T with MLPerf's recordings as they are",
            "pcmesh perf rnnt --manifest FILE --fit, without changes to the chip",
        )


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
    what_if = options.what_if
    if options.network == "rnnt":
        changed = what_if.chip(chip or load_chip(), tile_to_tile=False)
        return rnnt_plans(RnntWidths(), options.expand, changed, progress, what_if.mapped)
    if chip is not None or what_if.anything:
        raise ConfigurationError(
            f"another chip for {options.network}, which is compiled already", "Compile it for that chip: pcmesh compile"
        )
    return {"as compiled": load_compiled(Path(options.network))}


def _data(options: PerfOptions, widths: RnntWidths | None) -> DataSet:
    if widths is not None:
        return speech_load(replace(options.load, stack=widths.stack))
    if any((options.load.manifest, options.load.data, options.load.decoded)):
        raise ConfigurationError("recordings are for the RNN-T", "Say how many frames: --utterances N")
    count = options.load.utterances or FRAMES
    return DataSet(frames=np.ones(count, dtype=np.int64), audio_s=0.0, described=f"{count:,} frames")


def _run(compiled: Compiled, widths: RnntWidths | None, data: DataSet, time: TimeOptions) -> TimedRun:
    return run_time(compiled, data, time) if widths is None else time_rnnt(compiled, widths, data, time)
