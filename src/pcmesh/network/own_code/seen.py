"""What is known of a network whose own code runs: its weights and its operations."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pcmesh.errors import UnsupportedModelError
from pcmesh.network.exported.capture import Pins, inside
from pcmesh.network.exported.edges import TensorMakers
from pcmesh.network.layers import gathered
from pcmesh.network.operations.catalogue import Catalogue
from pcmesh.network.operations.constants import fingerprint
from pcmesh.network.operations.cost import vectors_given
from pcmesh.network.operations.records import Rule
from pcmesh.network.operations.table import record_of
from pcmesh.network.own_code.copies import Copy
from pcmesh.network.own_code.known import KnownWeights
from pcmesh.network.products import Cell, Operation, ProductCall


@dataclass
class Seen:
    """What the run of the examples showed of a network; nothing changes it afterwards.

    Attributes:
        block: (rows, columns) of a tile.
        pins: qualified name of a module -> where it is executed.
        catalogue: its matrices.
        operations, makers: what was executed, and what made each tensor.
        made: what was made for a weight.
        recording: whether this is the run of the examples.
    """

    block: tuple[int, int]
    pins: Pins
    catalogue: Catalogue
    operations: list[Operation] = field(default_factory=list)
    makers: TensorMakers = field(default_factory=TensorMakers)
    made: dict[Hashable, Any] = field(default_factory=dict)
    recording: bool = True


class OwnCodeRun:
    """One run of a network's own code; whatever a run changes is its own.

    Args:
        seen: what is known of the network.
        copy: the modules that run.
        batch: samples.
    """

    def __init__(self, seen: Seen, copy: Copy, batch: int) -> None:
        self.seen, self.copy, self.batch = seen, copy, batch
        self.known = KnownWeights(copy.network)  # of this run: weights move in memory, for example to share it
        self.count: dict[Hashable, int] = {}

    @contextmanager
    def following(self) -> Iterator[None]:
        """Let products with weights know that they belong to this run."""
        token = _RUN.set(self)
        try:
            yield
        finally:
            _RUN.reset(token)

    @property
    def where(self) -> str:
        """Qualified name of the module that runs."""
        return self.copy.place[-1] if self.copy.place else ""

    @property
    def pinned(self) -> str | None:
        """The pin that keeps the module that runs digital."""
        pins = self.seen.pins.items()
        return next((entry for entry, pin in pins if pin == "digital" and inside(self.where, entry)), None)

    def sources(self, tensor: Any) -> tuple[str, ...]:
        """Return the names of the weights that a tensor is made of; none if it depends on an input, or on no weight."""
        return (self.known.sources(tensor) or ()) if isinstance(tensor, Tensor) else ()

    def on_tiles(self, tensor: Any) -> bool:
        """Return whether a tensor is made of weights alone, and goes to tiles where it is used now."""
        return bool(self.sources(tensor)) and tensor.is_floating_point() and self.pinned is None

    def once(
        self, key: Hashable, weight: Tensor, make: Callable[[], Any], sources: tuple[str, ...] | None = None
    ) -> Any:
        """Return what `make` gave for a weight in the run of the examples; `sources`: what it is made of, if known.

        Raises:
            UnsupportedModelError: that run did not use the weight; it and the module are named.
        """
        sources = self.sources(weight) if sources is None else sources
        values = None if self.known.is_whole(weight) else fingerprint(weight)
        place = (key, sources, values, int(weight.storage_offset()), *weight.shape, *weight.stride())
        made = self.seen.made
        if place not in made:
            if not self.seen.recording:
                raise UnsupportedModelError(
                    f"{self.where or 'the network'}: uses {', '.join(sources)}, which the examples' run did not"
                    + ("" if values is None else " (or not with these values)"),
                    "Compile with example inputs that take every way through the network's code",
                )
            made[place] = make()
        return made[place]

    def products(self, weight: Tensor, matrices: Callable[[], Sequence[Tensor]], signed: bool = True) -> SeenProducts:
        """Return the products with a weight that is cut into matrices (rows, columns) of one size, block-diagonal."""

        def make() -> SeenProducts:
            return self.gathered(self.sources(weight), matrices(), signed)

        found: SeenProducts = self.once("products", weight, make)
        return found

    def gathered(self, sources: tuple[str, ...], matrices: Sequence[Tensor], signed: bool = True) -> SeenProducts:
        """Return the products with matrices of one size that a weight is cut into, block-diagonal."""
        blocks = gathered(matrices, self.seen.block)
        calls = tuple(self.seen.catalogue.call(block, sources, self.where, signed) for block in blocks)
        return SeenProducts(calls, tuple(int(block.shape[0]) for block in blocks))

    def turn(self, key: Hashable) -> int:
        """Return how often something was asked for in this run before."""
        self.count[key] = self.count.get(key, -1) + 1
        return self.count[key]

    def note(
        self,
        kind: str,
        products: Sequence[str],
        taken: Any,
        out: Any,
        cost: float,
        cells: tuple[Cell, ...] = (),
        rule: Rule | None = None,
    ) -> None:
        """Keep an operation, with what it takes and gives; `rule`: where it is executed, if not on tiles."""
        seen = self.seen
        if not seen.recording:
            return
        rule = record_of(kind).rule(True) if products else rule or record_of(kind).digital
        name, inputs = f"{kind}_{len(seen.operations)}", seen.makers.inputs(taken)
        given, cost = vectors_given(out, self.batch), cost / self.batch
        seen.operations.append(
            Operation(self.where, kind, rule.where, rule.why, cost, tuple(products), name, inputs, cells, given)
        )
        seen.makers.note(name, taken, out, writes=kind.endswith("_"))


@dataclass(frozen=True)
class SeenProducts:
    """A block-diagonal product: each call takes its share of the rows and gives its share of the columns, in order."""

    calls: tuple[ProductCall, ...]
    rows: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the matrices."""
        return tuple(call.name for call in self.calls)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product of x (..., sum of rows)."""
        parts = torch.split(x, list(self.rows), dim=-1) if len(self.calls) > 1 else (x,)
        return torch.cat([self._run(call, part) for call, part in zip(self.calls, parts, strict=True)], dim=-1)

    def _run(self, call: ProductCall, x: Tensor) -> Tensor:
        run = _RUN.get()
        return call.runtime.run((call.name, 0, run.turn(call.name)), x, None)


_RUN: ContextVar[OwnCodeRun] = ContextVar("pcmesh run")
