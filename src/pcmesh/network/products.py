"""The matrix products of a network: what is programmed onto tiles, and how the network's code reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.network.activation import Activation
from pcmesh.network.centring import Centring
from pcmesh.network.operations.records import Where
from pcmesh.network.samples import Attribution, Rows, SampleAxis, Use, row_keys, row_owners


@dataclass(frozen=True)
class MatrixProduct:
    """A matrix that is programmed once, wherever and however often the network uses it.

    Attributes:
        name: qualified name of the module or parameter that holds it.
        weight: (rows, columns) float32; rows are inputs.
        signed: whether inputs may be negative.
        parameters: qualified names of the parameters that it is made of; several where weights are tied.
        sites: qualified names of the modules that use it, one for each call.
    """

    name: str
    weight: Tensor
    signed: bool
    parameters: tuple[str, ...]
    sites: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of inputs."""
        return int(self.weight.shape[0])

    @property
    def columns(self) -> int:
        """Number of outputs."""
        return int(self.weight.shape[1])

    def is_named(self, entry: str) -> bool:
        """Return whether an entry names it, or a module that holds or uses it."""
        return any(entry == name or name.startswith((f"{entry}.", f"{entry}[")) for name in (self.name, *self.sites))


class Cell(NamedTuple):
    """Products of one step of a recurrent layer in one direction: of the input and the state at once, then `after`."""

    layer: int
    together: tuple[str, ...]
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One operation of the network and where it is executed.

    Attributes:
        module: qualified name of the module that calls it ('' for the network itself).
        kind: its ATen name without overload.
        where, why: the decision.
        operations: scalar operations for each sample (2 for a multiply-add).
        products: the matrices that it uses.
        name: unique in its network.
        inputs: operations whose results it takes; what comes from outside, and weights, are not among them.
        cells: of a recurrent operation, the products that each step of each layer uses (`CellCalls`).
        gives: what its result is: numbers in so many vectors for each sample, and their size; (0, 0) for anything else.
    """

    module: str
    kind: str
    where: Where
    why: str
    operations: float = 0.0
    products: tuple[str, ...] = ()
    name: str = ""
    inputs: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()
    gives: tuple[float, int] = (0.0, 0)


@dataclass(frozen=True)
class Chain:
    """Products that hand their pulses from tile to tile, an activation behind each that its ramp makes.

    Attributes:
        products: names of the matrices, in order; one alone has an activation, whose pulses are counted.
        biases: (columns,) what is added before each activation, or None.
        activations: behind each product; the last one may be linear.
    """

    products: tuple[str, ...]
    biases: tuple[Tensor | None, ...]
    activations: tuple[Activation, ...]

    @property
    def name(self) -> str:
        """The matrices, for people."""
        return " -> ".join(self.products)


class Products(Protocol):
    """Something that computes a network's matrix products: PyTorch, a recorder, or a programmed chip."""

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return the product (B, columns) of inputs (B, rows) float32; keys (B,) int64, or None without noise."""
        ...

    def chain(self, chain: Chain, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return what the last product of a chain gives for inputs of the first: one product after the other."""
        for name, bias, activation in zip(chain.products, chain.biases, chain.activations, strict=True):
            y = self.product(name, x, keys)
            x = activation(y if bias is None else y + bias)
        return x


@dataclass(frozen=True)
class SoftwareProducts(Products):
    """The products in float32."""

    weights: Mapping[str, Tensor]

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return x @ weight."""
        del keys
        return x @ self.weights[layer]


_MANY = 4
"""So many times the rows that are asked for are kept before some are forgotten."""


@dataclass
class RecordedProducts(Products):
    """The products in float32, with the inputs kept: about `limit` rows of each layer, spread over the calls.

    Where there are many more, every second row of those kept is forgotten, again and again.

    Attributes:
        weights: layer -> matrix.
        limit: rows kept for each layer.
        inputs: layer -> input rows, one tensor for each call.
        rows: layer -> rows seen in all.
        every: layer -> of so many rows one is kept, where there are many more than `limit`.
    """

    weights: Mapping[str, Tensor]
    limit: int = 2000
    inputs: dict[str, list[Tensor]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    every: dict[str, int] = field(default_factory=dict)

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return x @ weight and keep x."""
        del keys
        before, every = self.rows.get(layer, 0), self.every.get(layer, 1)
        self.rows[layer] = before + len(x)
        step = max(1, -(-len(x) // self.limit))
        own = x[::step] if every == 1 else x[-before % every :: every]
        kept = self.inputs.setdefault(layer, [])
        kept.append(own.detach().clone())
        if sum(map(len, kept)) > _MANY * self.limit:
            self.inputs[layer], self.every[layer] = [torch.cat(kept)[::2].clone()], 2 * every
        return x @ self.weights[layer]

    def examples(self, layer: str) -> Tensor:
        """Return about `limit` input rows of a layer, spread evenly over what was seen."""
        seen = torch.cat(self.inputs[layer])
        return seen[:: max(1, -(-len(seen) // self.limit))]


class ProductRuntime:
    """Carries rows from the network's code to the products, each with its noise key.

    Not an nn.Module: the layers of a captured network share it. It holds nothing of a call: where the products of a
    call are computed, and whose noise they have, travels in the context of the thread (or task) that makes it, so that
    any number of them can run at once.

    Attributes:
        weights: layer -> matrix, for products outside of `computing`; lowering passes change them.
        attribution: whose the rows of every product are; None where there is no batch.
        centred: layer -> how its inputs are centred, by a lowering pass.
    """

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weights = weights
        self.attribution: Attribution | None = None
        self.centred: dict[str, Centring] = {}

    @contextmanager
    def computing(
        self,
        products: Products,
        samples: Tensor | None = None,
        shared: Tensor | None = None,
        watch: Callable[[Use, Sequence[int], Tensor, Rows | None], None] | None = None,
        size: int | None = None,
    ) -> Iterator[None]:
        """Let the network's calls in this block, in this thread, take their products from `products`.

        Args:
            products: where they are computed.
            samples: (B,) int64 keys of the samples; None without noise.
            shared: (1,) int64 key of what belongs to no sample.
            watch: gets every product's use, leading shape, rows and, of packed sequences, whose they are.
            size: samples, where they have no keys.
        """
        token = _CALL.set(_Call(self, products, samples, shared, watch, size if samples is None else len(samples)))
        try:
            yield
        finally:
            _CALL.reset(token)

    def run(self, use: Use, x: Tensor, given: Rows | None) -> Tensor:
        """Return the product of x (..., rows) as (..., columns), in x's type; `given`: whose rows packed ones are."""
        call, leading, rows = self._call(), x.shape[:-1], x.reshape(-1, x.shape[-1]).float()
        call.look(use, leading, rows, given)
        axis, centring = self._axis(use, leading, call, given), self.centred.get(use[0])
        keys = call.keys(leading, axis, *use[1:])
        if centring is None:
            out = call.products.product(use[0], rows, keys)
        else:
            sent, *undo = centring.sent(rows, row_owners(leading, axis, call.size or 1))
            out = centring.restored(call.products.product(use[0], sent, keys), *undo)
        return out.reshape(*leading, out.shape[-1]).to(x.dtype)

    def run_chain(self, chain: Chain, use: Use, x: Tensor) -> Tensor:
        """Return what a chain gives for x (..., rows) as (..., columns), in x's type.

        A sample's only vector has the sample's own key.
        """
        call, leading, rows = self._call(), x.shape[:-1], x.reshape(-1, x.shape[-1]).float()
        call.look(use, leading, rows, None)
        axis = self._axis(use, leading, call, None)
        alone = call.samples is not None and axis == SampleAxis(0) and tuple(leading) == (len(call.samples),)
        out = call.products.chain(chain, rows, call.samples if alone else call.keys(leading, axis, *use[1:]))
        return out.reshape(*leading, out.shape[-1]).to(x.dtype)

    def _call(self) -> _Call:
        call = _CALL.get()
        if call is None or call.runtime is not self:
            return _Call(self, SoftwareProducts(self.weights), None, None, None, None)
        return call

    def _axis(self, use: Use, leading: Sequence[int], call: _Call, given: Rows | None) -> SampleAxis | Rows | None:
        needed = call.samples is not None or use[0] in self.centred
        if self.attribution is None or call.size is None or not needed:
            return None
        return self.attribution.rows(use, leading, call.size, given)


@dataclass(frozen=True)
class _Call:
    """What a call of a network takes with it; see `ProductRuntime.computing`."""

    runtime: ProductRuntime
    products: Products
    samples: Tensor | None
    shared: Tensor | None
    watch: Callable[[Use, Sequence[int], Tensor, Rows | None], None] | None
    size: int | None

    def look(self, use: Use, leading: Sequence[int], rows: Tensor, given: Rows | None) -> None:
        """Show the rows to what watches the call."""
        if self.watch is not None:
            self.watch(use, leading, rows, given)

    def keys(self, leading: Sequence[int], axis: SampleAxis | Rows | None, site: int, step: int) -> Tensor | None:
        """Return the noise keys of rows; None without noise."""
        if self.samples is None or self.shared is None:
            return None
        return row_keys(self.samples, self.shared, leading, axis, site, step)


_CALL: ContextVar[_Call | None] = ContextVar("pcmesh products", default=None)


@dataclass(frozen=True)
class ProductCall:
    """One use of one matrix: `call(x)` runs (..., rows) -> (..., columns).

    Attributes:
        runtime: carries the rows.
        name: of the matrix.
        site: number of this use.
        signed: name of a matrix -> whether tiles take negative inputs of it.
    """

    runtime: ProductRuntime
    name: str
    site: int
    signed: Mapping[str, bool]

    def __call__(self, x: Tensor, step: int = 0, rows: Rows | None = None) -> Tensor:
        """Return the product in a step of a recurrence; `rows` says whose the rows of packed sequences are.

        Raises:
            InputError: x is negative where the network's code says that it cannot be.
        """
        self._check(x)
        return self.runtime.run((self.name, self.site, step), x, rows)

    def through(self, chain: Chain, x: Tensor) -> Tensor:
        """Return what the last product of a chain that begins with this one gives; see `__call__`."""
        self._check(x)
        return self.runtime.run_chain(chain, (self.name, self.site, 0), x)

    def _check(self, x: Tensor) -> None:
        if not self.signed[self.name] and type(x) is Tensor and bool((x < 0).any()):
            raise InputError(
                f"layer {self.name} gets negative inputs, which cannot be for inputs of the examples' types",
                "Give inputs of the examples' types, or compile with signed example inputs",
            )


def tied_names(network: torch.nn.Module) -> dict[str, tuple[str, ...]]:
    """Return, for every name of a parameter or buffer that has several, all its names."""
    names: dict[int, list[str]] = {}
    entries: Sequence[tuple[str, Tensor]] = [
        *network.named_parameters(remove_duplicate=False),
        *network.named_buffers(remove_duplicate=False),
    ]
    for name, tensor in entries:
        names.setdefault(id(tensor), []).append(name)
    return {name: tuple(found) for found in names.values() if len(found) > 1 for name in found}
