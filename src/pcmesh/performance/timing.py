"""The event simulation: when every operation of every unit starts, for all frames of all utterances at once.

A unit's operation starts when its frame is there and its program has come round: start[j] = max(ready[j],
start[j-1] + period). That recursion is a running maximum, so no loop over frames is needed.

Shape legend: U utterances, F frames of all utterances in a row (at a stage's frame rate).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pcmesh.errors import InputError
from pcmesh.performance.stages import ChipUnit, Pipeline

Times = npt.NDArray[np.int64]

_NEVER = np.int64(-(2**62))


@dataclass(frozen=True)
class FrameRows:
    """Frames of all utterances in a row.

    Attributes:
        counts: (U,) frames of each utterance.
        frames: frames of the network's input in each of them.
        apart: whether each utterance has a clock of its own (no overlap), or all run on one clock.
    """

    counts: Times
    frames: int
    apart: bool

    @property
    def starts(self) -> Times:
        """(U,) index of each utterance's first frame."""
        return np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(np.int64)

    def last_of(self, source: FrameRows) -> Times:
        """Return, for each frame here, the index of the last frame of a (finer or equal) source that belongs to it."""
        joined = self.frames // source.frames
        last = np.minimum((count_within(self.counts) + 1) * joined, np.repeat(source.counts, self.counts)) - 1
        found: Times = np.repeat(source.starts, self.counts) + last
        return found

    def clocks(self) -> Times:
        """Frames on each clock: of each utterance, or of all."""
        return self.counts if self.apart else np.array([self.counts.sum()])


@dataclass(frozen=True)
class Simulation:
    """When things happened, ns, on each utterance's clock (no overlap) or on the common one.

    Attributes:
        ready: (F,) per stage: when its codes of each frame are there.
        rows: frames per stage.
        operations: per unit: operations started, those included that only empty it.
        first_start: (U,) when the first unit takes each utterance's first frame.
        end: (U,) when the last digital operation of the frames' part has finished.
    """

    ready: tuple[Times, ...]
    rows: tuple[FrameRows, ...]
    operations: tuple[int, ...]
    first_start: Times
    end: Times


def simulate(pipeline: Pipeline, frames: npt.ArrayLike, overlap: bool) -> Simulation:
    """Simulate the part of a pipeline that runs once per frame.

    Args:
        pipeline: from `read_pipeline`.
        frames: (U,) frames of the network's input of each utterance, at least 1.
        overlap: an utterance enters as soon as the one before has entered; False: when that one has left.

    Raises:
        InputError: there are no utterances, or one has no frames.
    """
    counts = np.asarray(frames, dtype=np.int64)
    if counts.ndim != 1 or not len(counts) or counts.min() < 1:
        raise InputError("utterances without frames", "Each needs at least one")
    stages = pipeline.stages
    rows = {f: FrameRows(-(-counts // f), f, not overlap) for f in {stage.frames for stage in stages}}
    ready: dict[int, Times] = {}
    operations: list[int] = []
    first_start = np.zeros(len(counts), dtype=np.int64)
    for number, unit in enumerate(pipeline.units):
        starts, run = _run(pipeline, unit, rows, ready)
        ready |= {stage: start + stages[stage].latency_ns for stage, start in starts.items()}
        operations.append(run)
        if number == 0:
            first_start = starts[unit.stages[0]][rows[unit.frames].starts]
    ends = [
        np.maximum.reduceat(ready[stage], rows[stages[stage].frames].starts) + stages[stage].tail_ns for stage in ready
    ]
    return Simulation(
        ready=tuple(ready.get(number, np.zeros(0, dtype=np.int64)) for number in range(len(stages))),
        rows=tuple(rows[stage.frames] for stage in stages),
        operations=tuple(operations),
        first_start=first_start,
        end=np.maximum.reduce(ends),
    )


def _run(
    pipeline: Pipeline, unit: ChipUnit, rows: Mapping[int, FrameRows], ready: Mapping[int, Times]
) -> tuple[dict[int, Times], int]:
    """Return when each stage of a unit starts each frame, and how many operations the unit starts."""
    own = rows[unit.frames]
    deepest = max(pipeline.stages[number].depth for number in unit.stages)
    # A clock has `deepest` more operations than frames: they serve what the stages behind the first have not done yet.
    clocks = own.clocks() + deepest
    position = np.arange(own.counts.sum()) + np.repeat(np.arange(len(clocks)) * deepest, own.clocks())
    arrival = np.full(int(clocks.sum()), _NEVER)
    for number in unit.stages:
        turn = position + pipeline.stages[number].depth
        arrival[turn] = np.maximum(arrival[turn], 0)
        for way in pipeline.stages[number].inputs:
            if way.stage not in unit.stages:
                there = ready[way.stage][own.last_of(rows[pipeline.stages[way.stage].frames])]
                arrival[turn] = np.maximum(arrival[turn], there + way.delay_ns)
    starts = running(arrival, count_within(clocks) * unit.period_ns, clocks)
    return {number: starts[position + pipeline.stages[number].depth] for number in unit.stages}, len(starts)


def running(arrival: Times, before_ns: Times, clocks: Times) -> Times:
    """Return start[j] = max(arrival[j], start[j-1] + before[j] - before[j-1]), anew on each clock.

    Args:
        arrival: when each may start at the earliest; the first on each clock has such a time.
        before_ns: time that those before it take, cumulated.
        clocks: how many are on each clock.
    """
    lead = arrival - before_ns
    lowest = lead[arrival != _NEVER].min()
    lead = np.maximum(lead, lowest) - lowest
    clock = np.repeat(np.arange(len(clocks)), clocks) * (lead.max() + 1)
    starts: Times = np.maximum.accumulate(lead + clock) - clock + lowest + before_ns
    return starts


def count_within(counts: Times) -> Times:
    """Return 0, 1, ... anew for each count."""
    found: Times = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return found
