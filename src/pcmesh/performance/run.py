"""A data set through the pipeline of chips: time, throughput, operations, how busy each chip was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pcmesh.performance.operations import Operations, count_operations
from pcmesh.performance.schedule import read_pipeline
from pcmesh.performance.stages import Compiled, Link, Pipeline
from pcmesh.performance.timing import Times, simulate
from pcmesh.performance.transducer import DecoderMode, decode


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What runs through the chips.

    Attributes:
        frames: (U,) frames of the network's input of each utterance.
        audio_s: how long all utterances take when spoken; 0 where that means nothing.
        letters: (F,) letters at each encoder frame of a transducer; None for other networks.
        described: where it comes from, for people.
    """

    frames: Times
    audio_s: float
    letters: Times | None = None
    described: str = ""


@dataclass(frozen=True, kw_only=True)
class TimeOptions:
    """How a run is timed.

    Attributes:
        overlap: an utterance enters as soon as the one before has entered; False: when that one has left.
        decoder: `joined` (one operation per letter, the paper's count) or `serial` (layer after layer).
        link: a link that all vectors cross; None: digital parts stand beside the landing pads.
        events: the vector that comes once per letter.
        held: weights of the network that each layer stands for.
    """

    overlap: bool = False
    decoder: DecoderMode = "joined"
    link: Link | None = None
    events: str | None = None
    held: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TimedRun:
    """A timed run.

    Attributes:
        pipeline: the stages.
        utterances, audio_s: of the data.
        total_s: until the last utterance has left.
        operations: what was computed.
        runs_of_chips: per chip, operations that carried a frame or a letter to its first layer.
        operation_ns: per chip, length of one.
    """

    pipeline: Pipeline
    utterances: int
    audio_s: float
    total_s: float
    operations: Operations
    runs_of_chips: tuple[int, ...]
    operation_ns: tuple[int, ...]

    @property
    def samples_per_s(self) -> float:
        """Utterances per second."""
        return self.utterances / self.total_s

    @property
    def real_time_factor(self) -> float:
        """Computing time per time spoken."""
        return self.total_s / self.audio_s if self.audio_s else float("nan")

    @property
    def activity(self) -> tuple[float, ...]:
        """Share of the time in which each chip runs an operation."""
        return tuple(
            runs * length * 1e-9 / self.total_s
            for runs, length in zip(self.runs_of_chips, self.operation_ns, strict=True)
        )


def run_time(compiled: Compiled, data: DataSet, options: TimeOptions) -> TimedRun:
    """Simulate a data set.

    Raises:
        InputError: no utterances, or one without frames.
        ConfigurationError: letters for a network that is no transducer, or stages that wait for one another.
    """
    pipeline = read_pipeline(compiled, events=options.events, link=options.link)
    simulation = simulate(pipeline, data.frames, options.overlap)
    end, steps, joints = simulation.end, 0, 0
    if data.letters is not None:
        decoding = decode(pipeline, simulation, data.letters, options.overlap, options.decoder)
        end, steps, joints = np.maximum(end, decoding.end), decoding.steps, decoding.joints
    frames = {row.frames: int(row.counts.sum()) for row in simulation.rows}
    schedules = sorted(compiled.routing.chips, key=lambda schedule: schedule.chip)
    operations = count_operations(compiled, pipeline, frames, steps, joints, options.held)
    return TimedRun(
        pipeline=pipeline,
        utterances=len(data.frames),
        audio_s=data.audio_s,
        total_s=float(end.max() if options.overlap else end.sum()) * 1e-9,
        operations=operations,
        runs_of_chips=tuple(
            _runs_of_chip(pipeline, schedule.chip, operations.runs, options.decoder) for schedule in schedules
        ),
        operation_ns=tuple(schedule.operation_ns(compiled.chip.timing) for schedule in schedules),
    )


def _runs_of_chip(pipeline: Pipeline, chip: int, runs: Mapping[str, int], decoder: DecoderMode) -> int:
    """Return how often a chip's program ran: its stages share operations, but for those of a serial decoder."""
    here = [number for number, stage in enumerate(pipeline.stages) if chip in stage.chips]
    frames = max((runs[pipeline.stages[n].layers[0]] for n in here if n not in pipeline.event_stages), default=0)
    steps = [runs[pipeline.stages[n].layers[0]] for n in here if n in pipeline.event_stages]
    return frames + (sum(steps) if decoder == "serial" else max(steps, default=0))
