"""The decoder of a transducer: one letter after the other, each frame when the encoder has it.

Shape legend: U utterances, F encoder frames of all utterances in a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pcmesh.errors import ConfigurationError
from pcmesh.performance.stages import Pipeline
from pcmesh.performance.timing import Simulation, Times, running
from pcmesh.random import numpy_generator

DecoderMode = Literal["joined", "serial"]
Spread = Literal["spoken", "random"]

SILENT_FRAMES = 5
"""Frames of 60 ms before the first and after the last letter, assumed: sentences of LibriSpeech begin and end with 0.1
to 0.6 s of silence (four recordings looked at)."""


@dataclass(frozen=True)
class Decoding:
    """What the decoder did.

    Attributes:
        steps: steps of the prediction network: the start and each letter.
        joints: joint operations: one per letter and one per blank that ends a frame.
        step_ns: time of one step.
        end: (U,) when each utterance's last joint operation has finished, ns.
    """

    steps: int
    joints: int
    step_ns: int
    end: Times


def decoder_step_ns(pipeline: Pipeline, mode: DecoderMode) -> int:
    """Return the time of one step of the decoder.

    `joined`: all its layers in one operation of their chip, one digital time; this is the paper's count. `serial`: each
    layer takes what the one before has made of the same letter, one operation and one digital time each.
    """
    stages = [pipeline.stages[number] for number in pipeline.event_stages]
    digital = [stage.loop_ns - stage.latency_ns if stage.loop_ns else 0 for stage in stages]
    if mode == "joined":
        return max((stage.latency_ns for stage in stages), default=0) + max(digital, default=0)
    return sum(stage.latency_ns for stage in stages) + sum(digital)


def decode(
    pipeline: Pipeline, simulation: Simulation, letters: npt.ArrayLike, overlap: bool, mode: DecoderMode = "joined"
) -> Decoding:
    """Simulate the decoder behind a simulated encoder.

    A step at the start of an utterance and one per letter; a joint operation per letter and per frame. It is a
    recursion end[f] = max(ready[f], end[f-1]) + cost[f], which is a running maximum over ready - cumulated cost.

    Args:
        pipeline, simulation: the encoder's.
        letters: (F,) letters written at each encoder frame.
        overlap: as for `simulate`.
        mode: see `decoder_step_ns`.

    Raises:
        ConfigurationError: the network is no transducer.
    """
    if pipeline.joined_stage is None:
        raise ConfigurationError("the network joins no frames with events", "Only a transducer has a decoder")
    step_ns, joint_ns = decoder_step_ns(pipeline, mode), pipeline.joint_ns
    frames = simulation.rows[pipeline.joined_stage].counts
    written = np.asarray(letters, dtype=np.int64)
    # One more event stands before each utterance's frames: the start step, as early as the utterance.
    counts = frames + 1
    begins = np.cumsum(counts) - counts
    is_frame = np.ones(int(counts.sum()), dtype=bool)
    is_frame[begins] = False
    cost = np.full(len(is_frame), step_ns)
    cost[is_frame] = written * (step_ns + joint_ns) + joint_ns
    arrival = np.zeros(len(is_frame), dtype=np.int64)
    arrival[is_frame], arrival[begins] = simulation.ready[pipeline.joined_stage], simulation.first_start
    ends = running(arrival, np.cumsum(cost) - cost, counts.sum(keepdims=True) if overlap else counts) + cost
    return Decoding(
        steps=len(counts) + int(written.sum()),
        joints=len(written) + int(written.sum()),
        step_ns=step_ns,
        end=ends[begins + counts - 1],
    )


def spread_letters(
    letters: npt.ArrayLike, frames: npt.ArrayLike, names: Sequence[str], seed: int, spread: Spread = "spoken"
) -> Times:
    """Return (F,) letters per encoder frame, where only their number is known.

    `spoken` spreads them evenly, but for chance within each one's share of time, and leaves `SILENT_FRAMES` (at most a
    quarter) at both ends without; `random` puts each anywhere.

    Args:
        letters, frames: (U,) of each utterance.
        names: of the utterances; the frames depend on nothing but these and the seed.
        seed: of the frames.
        spread: how.
    """
    found = []
    for letter, frame, name in zip(np.asarray(letters), np.asarray(frames), names, strict=True):
        chance = numpy_generator(seed, "data", "letters", name).random(letter)
        silent = 0 if spread == "random" else min(SILENT_FRAMES, frame // 4)
        part = chance if spread == "random" else (np.arange(letter) + chance) / max(letter, 1)
        at = silent + (part * (frame - 2 * silent)).astype(np.int64)
        found.append(np.bincount(at, minlength=frame))
    return np.concatenate(found).astype(np.int64)
