"""How long one sample takes: its operations in the order of their edges, each on the tiles that hold its matrices.

An operation starts when what it takes is there and its tiles are free: operations that do not depend on one another run
at once where they lie on different tiles, as far as the landing pads of their chips carry their vectors. A recurrent
layer takes a step at a time; layers above it follow one step behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pcmesh.network.products import Cell, Operation


@dataclass(frozen=True)
class Work:
    """What one vector of a product takes.

    Attributes:
        vectors: for each sample, over all uses in the network.
        steps: time steps of a vector, from its first pulse to its last code (or to the next tile's first pulse).
        taken: time steps for which a vector takes its tiles, or a frame where the network is routed.
        layers: tiles' layers that it lies on, each taken by one product at a time.
        slots: chip -> time steps in which a vector leaves it over the landing pads.
        digital: whether digital time follows each vector; pulses that go to other tiles have none.
    """

    vectors: float
    steps: int
    taken: int
    layers: frozenset[str]
    slots: Mapping[int, int] = field(default_factory=dict)
    digital: bool = True


@dataclass(frozen=True)
class SampleTime:
    """Time of one sample, s.

    Attributes:
        latency_s: alone, until its last code is counted, digital time between its operations included.
        interval_s: from one to the next where all layers work at once.
        after_s: digital time behind the last code.
    """

    latency_s: float
    interval_s: float
    after_s: float = 0.0


def sample_time(
    operations: Sequence[Operation], work: Mapping[str, Work], step_s: float, digital_s: float
) -> SampleTime:
    """Return the time of one sample.

    Args:
        operations: of the network, each behind those whose results it takes.
        work: product -> what its vectors take; products that are computed in software are not in it.
        step_s: one time step.
        digital_s: digital time after each vector.
    """
    return _Schedule(operations, work, step_s, digital_s).run()


class _Schedule:
    def __init__(
        self, operations: Sequence[Operation], work: Mapping[str, Work], step_s: float, digital_s: float
    ) -> None:
        self.operations, self.work, self.step_s, self.digital_s = operations, work, step_s, digital_s
        self.uses = Counter(name for operation in operations for name in set(operation.products))
        self.free: dict[str | int, float] = {}  # layer, or number of a chip whose landing pads are taken
        self.busy: dict[str, float] = {}
        self.counted: list[tuple[float, float, float]] = []  # last code of an operation, its end, digital time behind

    def run(self) -> SampleTime:
        ended: dict[str, float] = {}
        for operation in self.operations:
            ready = max((ended[name] for name in operation.inputs), default=0.0)
            ended[operation.name] = self._operation(operation, ready)
        end = max(ended.values(), default=0.0)
        latency, after = max(((last, tail) for last, ends, tail in self.counted if ends == end), default=(end, 0.0))
        return SampleTime(latency, max(self.busy.values(), default=0.0), after)

    def _operation(self, operation: Operation, ready: float) -> float:
        products = [name for name in dict.fromkeys(operation.products) if name in self.work]
        if not products:
            return ready
        if operation.cells:
            return self._recurrent(operation.cells, products, ready)
        ends = []
        for name in products:
            work, vectors = self.work[name], self._vectors(name)
            length = vectors * work.steps * self.step_s + max(vectors - 1, 0.0) * work.digital * self.digital_s
            ends.append(self._take([work], ready, length, vectors))
            for layer in work.layers:
                self.busy[layer] = self.busy.get(layer, 0.0) + vectors * work.taken * self.step_s
        return max(ends)

    def _recurrent(self, cells: Sequence[Cell], products: Sequence[str], ready: float) -> float:
        steps = max(self._vectors(name) for name in products)
        periods = [self._period(cell) for cell in cells]
        layers = sorted({cell.layer for cell in cells})
        alone = [max(p for p, cell in zip(periods, cells, strict=True) if cell.layer == layer) for layer in layers]
        if len(cells) == len(layers) and self._apart(products):
            length = sum(alone) + (steps - 1) * max(alone)
        else:
            length = steps * (sum(alone) if self._apart(products) else sum(periods))
        for cell, period in zip(cells, periods, strict=True):
            for layer in self._layers((*cell.together, *cell.after)):
                self.busy[layer] = self.busy.get(layer, 0.0) + steps * period
        works = [self.work[name] for name in products]
        tail = self.digital_s if any(work.digital for work in works) else 0.0
        return self._take(works, ready, length - tail, steps)

    def _period(self, cell: Cell) -> float:
        """Return the time of one step of a recurrent layer."""
        together = [self.work[name].steps for name in cell.together if name in self.work]
        first = (max if self._apart(cell.together) else sum)(together) if together else 0
        after = [self.work[name].steps for name in cell.after if name in self.work]
        return (first + sum(after)) * self.step_s + (bool(together) + len(after)) * self.digital_s

    def _apart(self, products: Iterable[str]) -> bool:
        """Return whether no two of some products lie on the same tiles."""
        sets = [self.work[name].layers for name in products if name in self.work]
        return sum(map(len, sets)) == len(frozenset().union(*sets))

    def _layers(self, products: Iterable[str]) -> frozenset[str]:
        return frozenset().union(*(self.work[name].layers for name in products if name in self.work))

    def _vectors(self, product: str) -> float:
        return self.work[product].vectors / self.uses[product]

    def _take(self, works: Sequence[Work], ready: float, length: float, vectors: float) -> float:
        """Take tiles and landing pads for a time until the last code, and digital time; return when all are done."""
        tail = self.digital_s if any(work.digital for work in works) else 0.0
        layers = frozenset().union(*(work.layers for work in works))
        start = max([ready, *(self.free.get(layer, 0.0) for layer in layers)])
        counted = start + length
        end = counted + tail
        for layer in layers:
            self.free[layer] = end
        for work in works:
            for chip, slots in work.slots.items():
                self.free[chip] = max(self.free.get(chip, 0.0), start) + vectors * slots * self.step_s
                counted = max(counted, self.free[chip])
                end = max(end, self.free[chip])
        self.counted.append((counted, end, min(tail, end - counted)))
        return end
