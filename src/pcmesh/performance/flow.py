"""How vectors flow between analog layers: through which digital operations, how late, from this frame or the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from pcmesh.network import AnalogLayer, DigitalOperation, LayerGraph
from pcmesh.network.graph import STACK

Node = AnalogLayer | DigitalOperation


@dataclass(frozen=True)
class Way:
    """One way back from a vector to what makes it.

    Attributes:
        source: an analog layer, or the name of a vector that comes from outside.
        delay_ns: time of the digital operations between.
        frames: frames of the source that one frame at the end takes.
        last_frame: whether it is the last frame's value (recurrence).
    """

    source: AnalogLayer | str
    delay_ns: int = 0
    frames: int = 1
    last_frame: bool = False


class Flow:
    """The ways of a network's vectors.

    Args:
        graph: the network. A vector that stands before the inputs of the operation that makes it is, for what leads
            back to that operation, the last frame's.
        operation_ns: time of a digital operation that computes; one that only moves data takes none.
    """

    def __init__(self, graph: LayerGraph, operation_ns: int) -> None:
        self.graph = graph
        self._operation_ns = operation_ns
        self._order = {vector.name: index for index, vector in enumerate(graph.vectors)}
        self._nodes: tuple[Node, ...] = (*graph.layers, *graph.digital)
        self._maker = {name: index for index, node in enumerate(self._nodes) for name in _outputs(node)}

    def ways_to(self, layer: AnalogLayer) -> tuple[Way, ...]:
        """Return all ways to a layer's rows."""
        return tuple(self._ways(layer.input, self._nodes.index(layer), frozenset()))

    def delay_after(self, vector: str, passed: frozenset[str] = frozenset()) -> int:
        """Return the time of the digital operations behind a vector up to the next analog layer or the end, ns."""
        following = [operation for operation in self.consumers(vector) if operation.name not in passed]
        return max(
            (
                self.delay(operation) + self.delay_after(name, passed | {operation.name})
                for operation in following
                for name in operation.outputs
            ),
            default=0,
        )

    def delay(self, operation: DigitalOperation) -> int:
        """Return the time of a digital operation, ns."""
        return self._operation_ns if operation.operations else 0

    def consumers(self, vector: str) -> tuple[DigitalOperation, ...]:
        """Return the digital operations that take a vector."""
        return tuple(operation for operation in self.graph.digital if vector in operation.inputs)

    def _ways(self, vector: str, consumer: int, passed: frozenset[str]) -> Iterator[Way]:
        maker = self._maker.get(vector)
        last = maker is not None and self._is_last_frame(vector, consumer)
        if maker is None:
            yield Way(vector)
            return
        node = self._nodes[maker]
        if isinstance(node, AnalogLayer):
            yield Way(node, last_frame=last)
            return
        if node.name in passed:
            return
        frames = self._joined_frames(node)
        for name in dict.fromkeys(node.inputs):
            for way in self._ways(name, maker, passed | {node.name}):
                yield replace(
                    way,
                    delay_ns=way.delay_ns + self.delay(node),
                    frames=way.frames * frames,
                    last_frame=way.last_frame or last,
                )

    def _joined_frames(self, node: DigitalOperation) -> int:
        if node.kind != STACK:
            return 1
        return self.graph.vector(node.outputs[0]).size // self.graph.vector(node.inputs[0]).size

    def _is_last_frame(self, vector: str, consumer: int) -> bool:
        maker = self._maker[vector]
        behind = max((self._order[name] for name in _inputs(self._nodes[maker])), default=-1)
        return bool(self._loops[maker] == self._loops[consumer]) and self._order[vector] < behind

    @cached_property
    def _loops(self) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        """Which nodes lead to one another: the same number."""
        edges = [
            (self._maker[name], consumer)
            for consumer, node in enumerate(self._nodes)
            for name in _inputs(node)
            if name in self._maker
        ]
        count = len(self._nodes)
        rows, columns = zip(*edges, strict=True) if edges else ((), ())
        matrix = csr_matrix((np.ones(len(edges)), (rows, columns)), shape=(count, count))
        found: np.ndarray[tuple[int], np.dtype[np.int32]] = connected_components(matrix, connection="strong")[1]
        return found


def _inputs(node: Node) -> tuple[str, ...]:
    return (node.input,) if isinstance(node, AnalogLayer) else node.inputs


def _outputs(node: Node) -> tuple[str, ...]:
    return (node.output,) if isinstance(node, AnalogLayer) else node.outputs
