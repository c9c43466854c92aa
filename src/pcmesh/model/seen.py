"""What is known of a network whose own code runs: its weights by where they lie in memory, and its operations."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from pcmesh.errors import UnsupportedModelError
from pcmesh.model.catalogue import Catalogue
from pcmesh.model.edges import TensorMakers
from pcmesh.model.exported import Pins, inside
from pcmesh.model.layers import Packing, gathered
from pcmesh.model.operations import ANALOG, Rule, rule_of
from pcmesh.model.products import Cell, Operation, ProductCall, tied_names
from pcmesh.model.samples import SampleAxis


def follow_modules(network: nn.Module, place: list[str]) -> list[RemovableHandle]:
    """Keep the qualified names of the modules that are running in `place`, the innermost last; returns the hooks."""
    handles = []
    for name, module in network.named_modules():

        def enter(_module: nn.Module, _args: Any, name: str = name) -> None:
            place.append(name)

        def leave(_module: nn.Module, _args: Any, _output: Any) -> None:
            place.pop()

        handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    return handles


class Seen:
    """The weights of a network, and the operations of one run.

    Args:
        network: in evaluation mode.
        block: (rows, columns) of a tile.
        pins: qualified name of a module -> where it is executed.
        batch_dim: dimension of the samples in the inputs.
    """

    def __init__(self, network: nn.Module, block: tuple[int, int], pins: Pins, batch_dim: int | None) -> None:
        self.names: dict[int, str] = {}
        self.block, self.pins, self.batch_dim = block, pins, batch_dim
        self.catalogue = Catalogue(tied_names(network))
        self.operations: list[Operation] = []
        self.makers = TensorMakers()
        self.recording = True
        self.module: list[str] = []
        self.made: dict[Hashable, Any] = {}
        self.count: dict[Hashable, int] = {}
        self.packing: Packing | None = None
        self.batch = 1

    @contextmanager
    def running(self, network: nn.Module, batch: int) -> Iterator[None]:
        """Follow a run of the network with so many samples."""
        self.names = _places(network)  # anew: weights move in memory, to share it with other processes for example
        self.module.clear()
        self.count.clear()
        self.batch = batch
        handles = follow_modules(network, self.module)
        recurrent = [module for module in network.modules() if isinstance(module, nn.RNNBase)]
        handles += [module.register_forward_pre_hook(self._keep_order) for module in recurrent]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @property
    def where(self) -> str:
        """Qualified name of the module that runs."""
        return self.module[-1] if self.module else ""

    @property
    def pinned(self) -> str | None:
        """The pin that keeps the module that runs digital."""
        return next((entry for entry, pin in self.pins.items() if pin == "digital" and inside(self.where, entry)), None)

    def on_tiles(self, tensor: Any) -> bool:
        """Return whether a tensor is a weight (or a view of one) that goes to tiles where it is used now."""
        return self.name_of(tensor) is not None and self.pinned is None

    def name_of(self, tensor: Any) -> str | None:
        """Return the name of the parameter that a tensor is, or is a view of."""
        if not isinstance(tensor, Tensor) or tensor.dim() < 2:
            return None
        return self.names.get(tensor.untyped_storage().data_ptr())

    def once(self, key: Hashable, weight: Tensor, make: Callable[[], Any]) -> Any:
        """Return what `make` gave for a weight in the run of the examples.

        Raises:
            UnsupportedModelError: that run did not use the weight; it and the module are named.
        """
        place = (key, self.name_of(weight), int(weight.storage_offset()), *weight.shape, *weight.stride())
        if place not in self.made:
            if not self.recording:
                raise UnsupportedModelError(
                    f"{self.where or 'the network'}: uses {self.name_of(weight)}, which the examples' run did not",
                    "Compile with example inputs that take every way through the network's code",
                )
            self.made[place] = make()
        return self.made[place]

    def products(self, weight: Tensor, matrices: Callable[[], Sequence[Tensor]], signed: bool = True) -> SeenProducts:
        """Return the products with a weight that is cut into matrices (rows, columns) of one size, block-diagonal."""

        def make() -> SeenProducts:
            name = self.name_of(weight)
            assert name is not None
            blocks = gathered(matrices(), self.block)
            calls = tuple(self.catalogue.call(block, (name,), self.where, signed, None) for block in blocks)
            return SeenProducts(self, calls, tuple(int(block.shape[0]) for block in blocks))

        found: SeenProducts = self.once("products", weight, make)
        return found

    def _keep_order(self, _module: nn.Module, args: tuple[Any, ...]) -> None:
        """Remember whose rows a packed sequence holds: the operation itself is not told."""
        self.packing = None
        if args and isinstance(args[0], nn.utils.rnn.PackedSequence):
            active, order = args[0].batch_sizes.tolist(), args[0].sorted_indices
            self.packing = Packing(active, torch.arange(active[0]) if order is None else order)

    def turn(self, key: Hashable) -> int:
        """Return how often something was asked for in this run before."""
        self.count[key] = self.count.get(key, -1) + 1
        return self.count[key]

    def note(
        self, kind: str, products: Sequence[str], taken: Any, out: Any, cost: float, cells: tuple[Cell, ...] = ()
    ) -> None:
        """Keep an operation, with what it takes and gives."""
        if not self.recording:
            return
        rule = ANALOG[kind] if products else rule_of(kind)
        if not products and kind in ANALOG and self.pinned is not None:
            rule = Rule("digital", f"pinned ({self.pinned})")
        elements = out.numel() if isinstance(out, Tensor) else 0
        scalar = cost if products else elements * rule.cost
        name, inputs = f"{kind}_{len(self.operations)}", self.makers.inputs(taken)
        self.operations.append(
            Operation(self.where, kind, rule.where, rule.why, scalar / self.batch, tuple(products), name, inputs, cells)
        )
        self.makers.note(name, out)


@dataclass(frozen=True)
class SeenProducts:
    """A block-diagonal product: each call takes its share of the rows and gives its share of the columns, in order."""

    seen: Seen
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
        inner = self.seen.batch_dim == 1  # rows of (positions, samples, ...)
        axis = SampleAxis(0, inner) if x.shape[0] % self.seen.batch == 0 else None
        return call.runtime.run(call.name, x, axis, 0, self.seen.turn(call.name))


def _places(network: nn.Module) -> dict[int, str]:
    found: dict[int, str] = {}
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if tensor.is_floating_point() and tensor.dim() >= 2:
            found.setdefault(tensor.untyped_storage().data_ptr(), name)
    return found
