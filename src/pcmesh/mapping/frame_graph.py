"""The graph of one frame, read off a captured network: matrices on tiles, and the digital operations between them.

Each matrix stands where the network uses it first. All digital operations between two matrices are one: the digital
side computes them in one go (`DigitalSpec.layer_ns`). A recurrent layer is the matrices of one step and a cell that
gives the hidden vector, which the next frame's step takes. Numbers are followed; whole numbers are decisions, which
come from outside as a frame does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, takewhile
from typing import NamedTuple

from torch import Tensor

from pcmesh.lowering import CollapseEmbedding
from pcmesh.mapping.rows import Expansion, MoreRows
from pcmesh.network import AnalogLayer, DigitalOperation, LayerGraph, Vector
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.graph import CENTRE, CODES, CONCATENATE, COPY, EXPAND, STACK
from pcmesh.network.operations.digital import AFFINE, NORMALISATION, cell_operations, gates_of
from pcmesh.network.products import Cell, Operation


def frame_graph(
    captured: CapturedNetwork,
    name: str,
    rows: Mapping[str, MoreRows] | None = None,
    called: Mapping[str, str] | None = None,
) -> LayerGraph:
    """Return the graph of one frame of a network.

    Args:
        captured: the network, with its passes.
        name: of the graph.
        rows: product -> what its inputs become, where there are more rows than inputs.
        called: product, module or vector -> its name in the graph, where it has another.
    """
    return _Reader(captured, rows or {}, called or {}).graph(name)


class _Given(NamedTuple):
    """A vector that an operation gives: codes of a matrix's columns, or what the digital side made of some."""

    vector: str
    size: int
    vectors: float
    codes: bool


class _Taken(NamedTuple):
    """What an operation takes, and the digital operations that one vector of it needs before."""

    given: tuple[_Given, ...]
    operations: int


class _Reader:
    def __init__(self, captured: CapturedNetwork, rows: Mapping[str, MoreRows], called: Mapping[str, str]) -> None:
        self.captured, self.rows, self.called = captured, rows, called
        self.products = {product.name: product for product in captured.products}
        self.operations = {operation.name: operation for operation in captured.operations}
        self.given: dict[tuple[str, ...], tuple[_Given, ...]] = {}
        self.counted: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.layers: list[AnalogLayer] = []
        self.digital: list[DigitalOperation] = []
        self.weights: dict[str, Tensor] = {}
        self.signed: dict[str, bool] = {}

    def graph(self, name: str) -> LayerGraph:
        """Return the graph."""
        for operation in self.captured.operations:
            if operation.products and operation.products not in self.given:
                make = self._recurrent if operation.cells else self._layers
                self.given[operation.products] = make(operation)
        self._outputs()
        vectors = [Vector(name=v, size=size, signed=self.signed.get(v, True)) for v, size in self.sizes.items()]
        return LayerGraph(name, tuple(vectors), tuple(self.layers), tuple(self.digital), self.weights)

    def _layers(self, operation: Operation) -> tuple[_Given, ...]:
        """Add the matrices of an operation that is no recurrent layer."""
        taken, found = self._taken([operation]), []
        for name in operation.products:
            product, unit = self.products[name], self._name(name)
            source = self._input(unit, taken, product.rows, operation, self._copies(operation.module))
            output = self._analog(name, source, unit)
            found.append(_Given(output, product.columns, operation.gives[0], True))
            taken = taken._replace(operations=0)
        return tuple(found)

    def _recurrent(self, operation: Operation) -> tuple[_Given, ...]:
        """Add one step of a recurrent layer: of all its layers and directions."""
        unit, taken = self._name(operation.module), self._taken([operation])
        found: list[_Given] = []
        for number, cells in groupby(operation.cells, lambda cell: cell.layer):
            found = []
            for cell in cells:
                own = unit if len(operation.cells) == 1 else f"{unit}-{number}-{len(found)}"
                found.append(self._cell(own, cell, operation, taken))
                taken = taken._replace(operations=0)
            taken = _Taken(tuple(found), 0)
        return tuple(found)

    def _cell(self, unit: str, cell: Cell, operation: Operation, taken: _Taken) -> _Given:
        first, kind, vectors = self.products[cell.together[0]], operation.kind, operation.gives[0]
        units = first.columns // gates_of(kind)
        state = self.products[cell.after[0]].columns if cell.after else units
        joined, copies = len(cell.together) == 1, self._copies(operation.module) if cell.layer == 0 else 1
        x = self._input(unit, taken, first.rows - state * joined, operation, copies)
        if joined:
            parts = (*(x,) * copies, self._vector(f"{unit}-h", state))
            x = self._digital(f"{unit}-{CONCATENATE}", CONCATENATE, parts, f"{unit}-xh", first.rows, 0)
            sums: tuple[str, ...] = (self._analog(first.name, x, unit),)
        else:
            wx = self._analog(first.name, x, unit)
            sums = (wx, self._analog(cell.together[1], self._vector(f"{unit}-h", state), unit))
        after = f"{unit}-r" if cell.after else f"{unit}-h"
        done = self._digital(
            f"{unit}-cell", f"{kind}-cell", sums, after, units, cell_operations(kind, units, len(sums))
        )
        for name in cell.after:
            projected = self._analog(name, done, unit)
            done = self._digital(f"{unit}-{CODES}", CODES, (projected,), f"{unit}-h", state, AFFINE.operations * state)
        return _Given(done, state, vectors, False)

    def _taken(self, operations: Sequence[Operation]) -> _Taken:
        """Return what operations take: what tiles gave, and what is computed of it on the way."""
        given: dict[_Given, None] = {}
        cost, passed = 0.0, set[str]()
        waiting = [name for operation in operations for name in operation.inputs]
        while waiting:
            before = self.operations[waiting.pop(0)]
            if before.name in passed or not before.gives[0]:
                continue
            passed.add(before.name)
            if before.products:
                given.update(dict.fromkeys(self.given[before.products]))
                continue
            cost += self._cost(before)
            waiting += before.inputs
        codes = sum(AFFINE.operations * entry.size for entry in given if entry.codes)
        return _Taken(tuple(given), round(cost) + codes)

    def _cost(self, operation: Operation) -> float:
        """Return the operations for each vector that a digital operation gives, 0 where they are counted already."""
        if operation.where != "digital" or operation.name in self.counted:
            return 0.0
        self.counted.add(operation.name)
        return operation.operations / operation.gives[0]

    def _input(self, unit: str, taken: _Taken, size: int, operation: Operation, copies: int) -> str:
        """Return the vector that a matrix takes, as it is before it has more rows, and add what makes it."""
        given = taken.given
        if not given:
            return self._vector(f"{unit}-in", size // copies)
        one = given[0]
        if len(given) == 1 and not taken.operations:
            frames = size / one.size
            if frames == 1:
                return one.vector
            if frames == round(one.vectors / operation.gives[0]):
                return self._digital(f"{unit}-{STACK}", STACK, (one.vector,), f"{unit}-x", size, 0)
        inputs = tuple(entry.vector for entry in given)
        return self._digital(f"{unit}-digital", "digital", inputs, f"{unit}-x", size, taken.operations)

    def _analog(self, name: str, source: str, unit: str) -> str:
        """Add a matrix; return its output's name."""
        product, more = self.products[name], self.rows.get(name)
        weight = product.weight if more is None else more.weight(product.weight)
        centred = NORMALISATION.operations * product.rows if name in self.captured.runtime.centred else 0
        if more is not None or centred:
            kind = EXPAND if isinstance(more, Expansion) else CENTRE if more is None else COPY
            vector = f"{unit}-rows" if f"{unit}-x" in self.sizes else f"{unit}-x"
            cost = centred + (0 if more is None else more.operations)
            source = self._digital(f"{unit}-{kind}", kind, (source,), vector, len(weight), cost)
        layer = self._name(name)
        output = self._vector(f"{layer}-out", product.columns)
        self.layers.append(AnalogLayer(name=layer, input=source, output=output))
        self.weights[layer] = weight.contiguous()
        signed = product.signed or (more is not None and more.signed)
        self.signed[source] = self.signed.get(source, False) or signed
        return output

    def _outputs(self) -> None:
        """Add what is computed of vectors that no matrix takes, as one operation."""
        taken_up = {vector for operation in self.digital for vector in operation.inputs}
        left = [op for op in self.captured.operations if op.where == "digital" and op.operations and op.gives[0]]
        last = [op for op in left if op.name not in self.counted and self._of_tiles(op)]
        given = [entry for entries in self.given.values() for entry in entries]
        cost = round(sum(map(self._cost, last)))
        before = {entry.vector for entry in self._taken(last).given}
        inputs = [entry for entry in given if entry.vector in before or (entry.codes and entry.vector not in taken_up)]
        if not inputs:
            return
        codes = sum(AFFINE.operations * entry.size for entry in inputs if entry.codes)
        name = self._name(_module_of(last) or "outputs")
        size = last[-1].gives[1] if last else sum(entry.size for entry in inputs)
        self._digital(name, "digital", tuple(entry.vector for entry in inputs), f"{name}-out", size, cost + codes)

    def _of_tiles(self, operation: Operation) -> bool:
        """Return whether an operation takes, over others, what tiles gave."""
        counted = set(self.counted)
        try:
            return bool(self._taken([operation]).given)
        finally:
            self.counted = counted

    def _copies(self, module: str) -> int:
        """Return the rows of each token where a module holds a collapsed embedding."""
        passes = [entry for entry in self.captured.lowered if isinstance(entry, CollapseEmbedding)]
        return next((entry.copies for entry in passes if entry.into == module), 1)

    def _digital(self, name: str, kind: str, inputs: tuple[str, ...], output: str, size: int, operations: int) -> str:
        """Add a digital operation; return its output's name."""
        output = self._vector(output, size)
        self.digital.append(
            DigitalOperation(name=name, kind=kind, inputs=inputs, outputs=(output,), operations=operations)
        )
        return output

    def _vector(self, name: str, size: int) -> str:
        """Declare a vector, once; return its name."""
        self.sizes.setdefault(self._name(name), size)
        return self._name(name)

    def _name(self, name: str) -> str:
        return self.called.get(name, name)


def _module_of(operations: Sequence[Operation]) -> str:
    """Return the innermost module that some operations lie in ('' for the network itself)."""
    names = [operation.module.split(".") for operation in operations]
    same = takewhile(lambda parts: len(set(parts)) == 1, zip(*names, strict=False))
    return ".".join(parts[0] for parts in same)
