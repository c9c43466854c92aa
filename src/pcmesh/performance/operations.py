"""Operations of a run: analog ones (each weight of the network once) and digital ones, how often each ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pcmesh.network import DigitalOperation, LayerGraph
from pcmesh.network.graph import CONCATENATE, COPY, EXPAND, STACK
from pcmesh.network.operations.digital import AFFINE, CONVERSION, MULTIPLY_ADD, SUM
from pcmesh.performance.stages import Compiled, Pipeline


@dataclass(frozen=True)
class Operations:
    """Operations of a whole run.

    Attributes:
        runs: executions of each analog layer.
        analog: operations of each analog layer: two per weight and execution.
        digital: operations of each digital task.
        matrices: those tasks that are matrix products (weight expansion).
    """

    runs: Mapping[str, int]
    analog: Mapping[str, int]
    digital: Mapping[str, int]
    matrices: frozenset[str] = frozenset()

    @property
    def total_analog(self) -> int:
        """All analog operations: what the paper's rates refer to."""
        return sum(self.analog.values())

    @property
    def total_digital(self) -> int:
        """All digital operations."""
        return sum(self.digital.values())


def count_operations(
    compiled: Compiled, pipeline: Pipeline, frames: Mapping[int, int], steps: int, joints: int, held: Mapping[str, int]
) -> Operations:
    """Count what a run of a data set computes.

    Args:
        compiled, pipeline: the network.
        frames: frame rate (frames of the input in one) -> executions of the stages at that rate.
        steps: executions of the stages of events.
        joints: executions of the operation that joins frames and events.
        held: weights of the network that each layer stands for; layers that are not named: rows x columns.
    """
    runs: dict[str, int] = {}
    for number, stage in enumerate(pipeline.stages):
        count = steps if number in pipeline.event_stages else frames[stage.frames]
        runs |= dict.fromkeys(stage.layers, count)
    weights = {entry.layer: held.get(entry.layer, entry.rows * entry.columns) for entry in compiled.mapping.layers}
    graph = compiled.graph
    digital: dict[str, int] = {}
    for operation in graph.digital:
        count = _runs(operation, graph, runs, joints)
        digital[operation.name] = count * operation.operations
    for layer in graph.layers:
        if graph.producer(layer.input) is None:
            sent = converted_values(graph, layer.input)
            digital[f"{layer.name}-pulses"] = runs[layer.name] * sent * CONVERSION.operations
        parts = runs[layer.name] * _partial_columns(compiled, layer.name)
        digital[f"{layer.name}-sums"] = parts * (AFFINE.operations + SUM.operations)
    analog = {name: runs[name] * weights[name] * MULTIPLY_ADD.operations for name in runs}
    matrices = frozenset(operation.name for operation in graph.digital if operation.kind == EXPAND)
    return Operations(runs, analog, {name: count for name, count in digital.items() if count}, matrices)


def converted_values(graph: LayerGraph, vector: str) -> int:
    """Return how many different values a vector from off-chip holds: what is only moved is converted once."""
    maker = next((operation for operation in graph.digital if vector in operation.outputs), None)
    if maker is None or maker.kind not in (COPY, CONCATENATE):
        return graph.vector(vector).size
    return sum(converted_values(graph, name) for name in dict.fromkeys(maker.inputs))


def _runs(operation: DigitalOperation, graph: LayerGraph, runs: Mapping[str, int], joints: int) -> int:
    """Return how often a digital operation ran: as often as the layers before it, or else behind it."""
    counts = {runs[name] for name in _layers_before(operation, graph, frozenset())}
    counts = counts or {runs[name] for name in _layers_behind(operation, graph, frozenset())}
    return joints if joints and len(counts) > 1 else max(counts, default=0)


def _layers_before(operation: DigitalOperation, graph: LayerGraph, passed: frozenset[str]) -> set[str]:
    if operation.kind == STACK or operation.name in passed:
        return set()
    found = {layer.name for layer in graph.layers if layer.output in operation.inputs}
    before = [other for other in graph.digital if {*other.outputs} & {*operation.inputs}]
    return found.union(*(_layers_before(other, graph, passed | {operation.name}) for other in before))


def _layers_behind(operation: DigitalOperation, graph: LayerGraph, passed: frozenset[str]) -> set[str]:
    if operation.name in passed:
        return set()
    found = {layer.name for layer in graph.layers if layer.input in operation.outputs}
    behind = [other for other in graph.digital if {*other.inputs} & {*operation.outputs}]
    return found.union(*(_layers_behind(other, graph, passed | {operation.name}) for other in behind))


def _partial_columns(compiled: Compiled, layer: str) -> int:
    """Return the columns of a layer that are read beyond its outputs, because row blocks are added digitally."""
    groups = compiled.mapping.groups_of(layer)
    return sum(group.columns for group in groups) - compiled.mapping.layer(layer).columns
