"""The pipeline as a queue of events, one operation at a time: slow, and with no closed form in it."""

from __future__ import annotations

import heapq
import itertools

from pcmesh.performance import Pipeline


def finish_times(pipeline: Pipeline, frames: list[int], overlap: bool) -> list[int]:
    """Return when the frames' part of each utterance has ended, on its own clock or on the common one."""
    if overlap:
        return _Run(pipeline, frames).finished()
    return [_Run(pipeline, [count]).finished()[0] for count in frames]


class _Run:
    """Units wait for events: `their program has come round` and `a frame has arrived at a stage`."""

    def __init__(self, pipeline: Pipeline, frames: list[int]) -> None:
        self.pipeline, self.frames = pipeline, frames
        self.queue: list[tuple[int, int, int]] = []
        self.order = itertools.count()
        # Stage -> the frames it is to execute, in order: (utterance, frame).
        self.todo = {
            number: [
                (utterance, frame)
                for utterance, count in enumerate(frames)
                for frame in range(-(-count // pipeline.stages[number].frames))
            ]
            for unit in pipeline.units
            for number in unit.stages
        }
        self.done: dict[tuple[int, int, int], int] = {}
        self.next_turn = [0] * len(pipeline.units)
        self.operation = [0] * len(pipeline.units)

    def finished(self) -> list[int]:
        self._wake(0)
        while self.queue:
            now = self.queue[0][0]
            while self.queue and self.queue[0][0] == now:
                heapq.heappop(self.queue)
            for number in range(len(self.pipeline.units)):
                self._try(number, now)
        ends = [0] * len(self.frames)
        for (stage, utterance, _), time in self.done.items():
            ends[utterance] = max(ends[utterance], time + self.pipeline.stages[stage].tail_ns)
        assert not any(self.todo.values())
        return ends

    def _wake(self, time: int) -> None:
        heapq.heappush(self.queue, (time, next(self.order), 0))

    def _try(self, number: int, now: int) -> None:
        """Start a unit's next operation if its program has come round and all its stages have what they need."""
        unit = self.pipeline.units[number]
        if now < self.next_turn[number] or not any(self.todo[stage] for stage in unit.stages):
            return
        taking = [s for s in unit.stages if self.todo[s] and self.pipeline.stages[s].depth <= self.operation[number]]
        if not all(self._arrived(stage, unit.stages, now) for stage in taking):
            return
        for stage in taking:
            utterance, frame = self.todo[stage].pop(0)
            end = now + self.pipeline.stages[stage].latency_ns
            self.done[stage, utterance, frame] = end
            self._wake(end)
            for follower in self.pipeline.stages:
                for way in follower.inputs:
                    if way.stage == stage:
                        self._wake(end + way.delay_ns)
        self.operation[number] += 1
        self.next_turn[number] = now + unit.period_ns
        self._wake(now + unit.period_ns)

    def _arrived(self, stage: int, together: tuple[int, ...], now: int) -> bool:
        utterance, frame = self.todo[stage][0]
        for way in self.pipeline.stages[stage].inputs:
            source = self.pipeline.stages[way.stage]
            ratio = self.pipeline.stages[stage].frames // source.frames
            last = min((frame + 1) * ratio, -(-self.frames[utterance] // source.frames)) - 1
            end = self.done.get((way.stage, utterance, last))
            if end is None or end + way.delay_ns > now:
                assert way.stage not in together, "a unit's own frames are there when their turn comes"
                return False
        return True
