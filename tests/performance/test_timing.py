"""The closed forms of the event simulation against a queue of events, and what must hold for any pipeline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcmesh.errors import InputError
from pcmesh.performance import ChipUnit, Pipeline, Stage
from pcmesh.performance.stages import Input
from pcmesh.performance.timing import simulate
from pcmesh.performance.transducer import decode, spread_letters
from tests.performance.oracle import finish_times

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """A chain of units of one to three stages, with time stacking somewhere, recurrence and digital delays."""
    stages: list[Stage] = []
    units: list[ChipUnit] = []
    frames = 1
    for _ in range(draw(st.integers(1, 4))):
        frames *= draw(st.sampled_from([1, 1, 2, 3]))
        members: list[int] = []
        latencies = draw(st.lists(st.integers(1, 20), min_size=1, max_size=3))
        delays = [draw(st.integers(0, 5)) for _ in latencies]
        period = draw(st.integers(1, 25))
        for latency, delay in zip(latencies, delays, strict=True):
            number = len(stages)
            before = stages[number - 1] if members else None
            depth = 0 if before is None else before.depth + -(-(before.latency_ns + delay) // period)
            inputs = [Input(stage=number - 1, delay_ns=delay)] if number else []
            if not members and number > 1 and draw(st.booleans()):
                inputs.append(Input(stage=draw(st.integers(0, number - 2)), delay_ns=draw(st.integers(0, 40))))
            tail = draw(st.integers(0, 4))
            stages.append(
                Stage(
                    layers=(f"layer{number}",),
                    chips=(len(units),),
                    latency_ns=latency,
                    frames=frames,
                    depth=depth,
                    inputs=tuple(inputs),
                    tail_ns=tail,
                )
            )
            members.append(number)
        units.append(
            ChipUnit(chips=(len(units),), stages=tuple(members), operation_ns=1, period_ns=period, frames=frames)
        )
    return Pipeline(stages=tuple(stages), units=tuple(units))


@given(pipelines(), LENGTHS, st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_utterance_ends_when_the_event_queue_says(pipeline: Pipeline, frames: list[int], overlap: bool) -> None:
    assert simulate(pipeline, frames, overlap).end.tolist() == finish_times(pipeline, frames, overlap)


@given(pipelines(), LENGTHS)
@settings(max_examples=50, deadline=None)
def test_overlap_never_costs_time(pipeline: Pipeline, frames: list[int]) -> None:
    apart, together = (simulate(pipeline, frames, overlap) for overlap in (False, True))
    assert together.end.max() <= apart.end.sum() + sum(unit.period_ns for unit in pipeline.units) * len(frames)


@given(pipelines(), LENGTHS, st.data())
@settings(max_examples=50, deadline=None)
def test_slower_operations_and_more_frames_take_no_less_time(
    pipeline: Pipeline, frames: list[int], data: st.DataObject
) -> None:
    before = simulate(pipeline, frames, False).end
    longer = [count + data.draw(st.integers(0, 3)) for count in frames]
    assert (simulate(pipeline, longer, False).end >= before).all()
    slower = replace(pipeline, units=tuple(replace(unit, period_ns=unit.period_ns + 5) for unit in pipeline.units))
    assert (simulate(slower, frames, False).end >= before).all()


@given(LENGTHS, st.booleans(), st.data())
@settings(max_examples=100, deadline=None)
def test_the_decoder_is_the_loop_it_stands_for(frames: list[int], overlap: bool, data: st.DataObject) -> None:
    encoder = Stage(layers=("fc",), chips=(0,), latency_ns=7)
    decoder = Stage(layers=("dec",), chips=(1,), latency_ns=15, loop_ns=18)
    pipeline = Pipeline(
        stages=(encoder, decoder),
        units=(ChipUnit(chips=(0,), stages=(0,), operation_ns=7, period_ns=10, frames=1),),
        event_stages=(1,),
        joined_stage=0,
        joint_ns=3,
    )
    letters = [data.draw(st.integers(0, 4)) for _ in range(sum(frames))]
    simulation = simulate(pipeline, frames, overlap)
    found = decode(pipeline, simulation, letters, overlap)
    ready, expected, now, position = simulation.ready[0], [], 0, 0
    for utterance, count in enumerate(frames):
        now = max(now if overlap else 0, int(simulation.first_start[utterance])) + 18
        for _ in range(count):
            now = max(now, int(ready[position]))
            for _ in range(letters[position]):
                now += 3 + 18
            now += 3
            position += 1
        expected.append(now)
    assert found.end.tolist() == expected
    assert found.steps == len(frames) + sum(letters)
    assert found.joints == sum(frames) + sum(letters)


@pytest.mark.parametrize("spread", ["spoken", "random"])
def test_letters_fall_alike_in_any_company(spread: str) -> None:
    letters, frames, names = [5, 0, 37], [3, 20, 30], ["a", "b", "c"]
    found = spread_letters(letters, frames, names, 0, spread)  # type: ignore[arg-type]
    assert [part.sum() for part in np.split(found, [3, 23])] == letters
    alone = spread_letters(letters[2:], frames[2:], names[2:], 0, spread)  # type: ignore[arg-type]
    assert (found[23:] == alone).all()
    assert not (alone == spread_letters(letters[2:], frames[2:], names[2:], 1, spread)).all()  # type: ignore[arg-type]


def test_spoken_letters_leave_the_ends_silent() -> None:
    found = spread_letters([90], [100], ["a"], 0)
    assert found[:5].sum() == found[-5:].sum() == 0
    assert found.max() <= 3


def test_nothing_to_run_is_refused() -> None:
    pipeline = Pipeline(stages=(), units=())
    for frames in ([], [3, 0]):
        with pytest.raises(InputError):
            simulate(pipeline, frames, False)
