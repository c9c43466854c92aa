"""The experiments that claims and figures share; each runs once, when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from pcmesh.analysis.accuracy import accuracy
from pcmesh.analysis.sensitivity.curves import BITS, Sensitivity
from pcmesh.analysis.sensitivity.float_network import FloatNetwork
from pcmesh.analysis.sensitivity.network import curves_of, judge_of
from pcmesh.analysis.task import Task
from pcmesh.deployed import ChipModel
from pcmesh.deployed.chip import Chip
from pcmesh.deployed.chip.power import power_tests
from pcmesh.execution.behavioural.network import BehaviouralNetwork
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.hardware.variants import with_integration
from pcmesh.performance import DataSet, Plan, TimedRun, TimeOptions
from pcmesh.performance.costs import load_costs
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.pulse import input_ticks
from pcmesh.progress import Progress, quiet
from pcmesh.studies.paper.expansion import ExpansionPoint, expansion_law
from pcmesh.studies.paper.listener import Listener
from pcmesh.studies.transport import RANGES_NS, Transport, measure_transport
from pcmesh.workloads.kws.experiment import drift_point, spot
from pcmesh.workloads.kws.network import LAYERS
from pcmesh.workloads.kws.prepare import DAY_S, MONTH_S, WEEK_S, KwsOptions, Prepared, prepare
from pcmesh.workloads.kws.result import ChipRun, kws_result
from pcmesh.workloads.kws.techniques import compare_techniques
from pcmesh.workloads.kws.workload import batches_of_words
from pcmesh.workloads.rnnt.compiled.footprint import layer_weights, plan_rnnt
from pcmesh.workloads.rnnt.compiled.performance import time_rnnt
from pcmesh.workloads.rnnt.compiled.published import (
    HALF_INTEGRATION_NS,
    MEASURED_CHIP,
    Scenes,
    halved_activity,
    published_figures,
)
from pcmesh.workloads.rnnt.compiled.speech_load import LoadOptions, speech_load
from pcmesh.workloads.rnnt.widths import RnntWidths

QUICK_CHIPS, FULL_CHIPS, FULL_TRANSDUCER_CHIPS = 2, 10, 5
QUICK_UTTERANCES, FULL_UTTERANCES = 100, 200
EXPANDED_ROWS = 1024
TRANSPORT_DIES = 10
SPEECH_FILES = "MLPerf's checkpoint and LibriSpeech dev-clean (--checkpoint FILE --librispeech DIR)"
QUERIES = 2513
"""Stand-ins of mean length where MLPerf's list of recordings is not given: as many as it has."""


@dataclass(frozen=True, kw_only=True)
class PaperOptions:
    """What to run the claims with.

    Attributes:
        full: many chips and drift, instead of what is done in three minutes.
        seed: of everything random.
        chip: preset or TOML file.
        gsc: folder of Speech Commands; None: synthetic speech.
        librispeech: folder of LibriSpeech dev-clean.
        checkpoint: MLPerf's published RNN-T.
        manifest: MLPerf's list of the recordings.
        utterances: sentences that the RNN-T hears; None: 100, in a full run 200, or all recordings that are given.
        chips: instances; None: 2 with keywords, in a full run 10 with keywords and 5 with the RNN-T.
    """

    full: bool = False
    seed: int = 0
    chip: str = "nature2023"
    gsc: Path | None = None
    librispeech: Path | None = None
    checkpoint: Path | None = None
    manifest: Path | None = None
    utterances: int | None = None
    chips: int | None = None


@dataclass
class Experiments:
    """All experiments of one run of `pcmesh paper`."""

    options: PaperOptions
    report: Progress = field(default=quiet)
    work: Path = Path("runs/paper/work")

    @cached_property
    def chip(self) -> ChipSpec:
        """The chip."""
        return load_chip(self.options.chip)

    @property
    def speech(self) -> str:
        """What keywords are measured on, for notes."""
        return "recordings of Speech Commands" if self.options.gsc else "synthetic speech, held-out voices"

    @cached_property
    def kws_options(self) -> KwsOptions:
        """The keyword experiment's options."""
        o = self.options
        chips = o.chips or (FULL_CHIPS if o.full else QUICK_CHIPS)
        return KwsOptions(data=o.gsc, chips=chips, seed=o.seed, chip=o.chip)

    @cached_property
    def kws(self) -> Prepared:
        """Speech, network and schedule of the keyword experiment."""
        return prepare(self.kws_options, self.report)

    @cached_property
    def kws_models(self) -> list[ChipModel]:
        """Chip instances with the keyword network, programmed and calibrated."""
        found = []
        for number in range(self.kws_options.chips):
            self.report("keyword chips", number, self.kws_options.chips)
            found.append(self.kws.on_chip(number))
        self.report("keyword chips", self.kws_options.chips, self.kws_options.chips)
        return found

    @property
    def kws_chips(self) -> list[Chip]:
        """Their programmed layers."""
        return [model.side.chip for model in self.kws_models]

    @cached_property
    def kws_runs(self) -> list[ChipRun]:
        """All words on each chip."""
        return [spot(self.kws, model) for model in self.kws_models]

    @cached_property
    def kws_result(self) -> dict[str, Any]:
        """What `pcmesh kws` would write; drift only in a full run."""
        times = (0.0, DAY_S, WEEK_S, MONTH_S) if self.options.full else ()
        drift = [drift_point(self.kws, self.kws_models[0], time_s) for time_s in times]
        return kws_result(self.kws, self.kws_runs, drift)

    @cached_property
    def kws_accuracies(self) -> list[float]:
        """Share of the words that each chip spots."""
        return [accuracy(run.predicted, self.kws.speech.labels) for run in self.kws_runs]

    @cached_property
    def kws_halved(self) -> list[float]:
        """The same on the same chips with half the integration time."""
        chip = with_integration(self.chip, HALF_INTEGRATION_NS, tile_to_tile=True)
        halved, found = prepare(self.kws_options, self.report, self.kws.speech, chip), []
        for number in range(self.kws_options.chips):
            self.report("half the integration time", number, self.kws_options.chips)
            found.append(accuracy(spot(halved, halved.on_chip(number)).predicted, halved.speech.labels))
        return found

    @cached_property
    def kws_sensitivity(self) -> Sensitivity:
        """Accuracy of the keyword network against the bits of its weights."""
        network = FloatNetwork.of(self.kws.model)
        judge, _ = judge_of(network, Task(batches=batches_of_words(self.kws.speech)))
        return curves_of(self.kws.model, network, judge, BITS, report=self.report)

    @cached_property
    def techniques(self) -> dict[str, Any]:
        """What `pcmesh kws techniques` would write, of at most five chips."""
        return compare_techniques(replace(self.kws_options, chips=min(self.kws_options.chips, 5)), self.report)

    @cached_property
    def kws_engine(self) -> BehaviouralNetwork:
        """The first keyword chip, ready to run."""
        return self.kws_chips[0].engine()

    @cached_property
    def kws_ticks(self) -> torch.Tensor:
        """The words as input pulses, (B, rows) int32."""
        full_scale = self.kws_chips[0].calibration.ranges[LAYERS[0]].input_full_scale
        return input_ticks(self.kws.inputs, full_scale, self.chip.timing)

    @cached_property
    def kws_pulses(self) -> str:
        """Name of the vector that they are."""
        return self.kws.compiled.graph.layer(LAYERS[0]).input

    @cached_property
    def transport(self) -> Transport:
        """Durations over the whole chip."""
        return measure_transport(self.chip, Instance(self.options.seed), report=self.report)

    @cached_property
    def transport_of_dies(self) -> tuple[Transport, ...]:
        """The shortest and the longest range on ten dies; the paper measured one."""
        found = []
        for number in range(TRANSPORT_DIES):
            self.report("transport, ten dies", number, TRANSPORT_DIES)
            ranges = (RANGES_NS[0], RANGES_NS[-1])
            found.append(measure_transport(self.chip, Instance(self.options.seed, number), ranges_ns=ranges))
        self.report("transport, ten dies", TRANSPORT_DIES, TRANSPORT_DIES)
        return tuple(found)

    @cached_property
    def rnnt(self) -> Plan:
        """The RNN-T mapped, placed and routed as in the paper."""
        self.report("RNN-T on the mesh", 0, 2)
        return plan_rnnt(RnntWidths(), self.chip)

    @cached_property
    def rnnt_expanded(self) -> Plan:
        """The same with Enc-LSTM0 Wx expanded."""
        self.report("RNN-T on the mesh", 1, 2)
        found = plan_rnnt(RnntWidths(expand=EXPANDED_ROWS), self.chip)
        self.report("RNN-T on the mesh", 2, 2)
        return found

    @cached_property
    def load(self) -> DataSet:
        """Frames and letters of MLPerf's recordings, or of stand-ins."""
        manifest = self.options.manifest
        return speech_load(
            LoadOptions(manifest=manifest, utterances=None if manifest else QUERIES, seed=self.options.seed)
        )

    @cached_property
    def run(self) -> TimedRun:
        """The recordings on five chips, one after the other."""
        return time_rnnt(self.rnnt, RnntWidths(), self.load, TimeOptions())

    @cached_property
    def run_overlapping(self) -> TimedRun:
        """The same, an utterance entering while the one before is still on the chips."""
        return time_rnnt(self.rnnt, RnntWidths(), self.load, TimeOptions(overlap=True))

    @cached_property
    def run_expanded(self) -> TimedRun:
        """The same with weight expansion, one after the other."""
        widths = RnntWidths(expand=EXPANDED_ROWS)
        return time_rnnt(self.rnnt_expanded, widths, self.load, TimeOptions())

    @cached_property
    def scenes(self) -> Scenes:
        """What the published figures of power and energy are about."""
        plans = {"nominal": self.rnnt, "expanded": self.rnnt_expanded}
        first = {layer.layer for layer in self.rnnt.mapping.layers if layer.chip == MEASURED_CHIP}
        held = layer_weights(RnntWidths())
        return Scenes(
            nominal=self.run,
            expanded=self.run_expanded,
            activity=power_tests(plans, self.options.seed, self.report),
            halved=halved_activity(self.rnnt, self.options.seed),
            operations=2 * sum(held[layer] for layer in first),
        )

    @cached_property
    def power(self) -> dict[tuple[str, str], float]:
        """Power and energy with the cost table that ships: (name, unit) -> value."""
        costs = load_costs()
        return {(f.name, f.unit): f.predicted(costs) for f in published_figures(self.scenes, costs)}

    @cached_property
    def published(self) -> Listener | None:
        """The published RNN-T on LibriSpeech, where both are given."""
        o = self.options
        if o.checkpoint is None or o.librispeech is None:
            return None
        return self._listener(o.checkpoint, o.librispeech, o.utterances or (None if o.full else QUICK_UTTERANCES))

    @cached_property
    def small(self) -> Listener:
        """The small RNN-T that ships, on synthetic sentences."""
        o = self.options
        return self._listener(None, None, o.utterances or (FULL_UTTERANCES if o.full else QUICK_UTTERANCES))

    @property
    def listener(self) -> Listener:
        """The published RNN-T where it is given, else the small one."""
        return self.published or self.small

    def _listener(self, checkpoint: Path | None, data: Path | None, utterances: int | None) -> Listener:
        o = self.options
        chips = o.chips or (FULL_TRANSDUCER_CHIPS if o.full else 1)
        return Listener(checkpoint, data, utterances, chips, o.seed, o.chip, self.work, self.report)

    @cached_property
    def expansion(self) -> tuple[ExpansionPoint, ...]:
        """Signal and noise of a product against the rows that it is expanded to."""
        return expansion_law(self.chip, self.options.seed, self.report)
