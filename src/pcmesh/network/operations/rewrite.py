"""From nodes of an exported graph to layers whose matrix products run on tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from pcmesh.network.layers import (
    Affine,
    AnalogCell,
    AnalogConvolution,
    AnalogEmbedding,
    AnalogLinear,
    AnalogRecurrent,
    AnalogTransposedConvolution,
    BlockProducts,
    CellCalls,
    ContractionStep,
    ConvolutionShape,
    InputSigns,
    gathered,
    planned,
    recurrent_cells,
)
from pcmesh.network.layers.gates import Kind
from pcmesh.network.operations.catalogue import Catalogue
from pcmesh.network.operations.constants import Constants
from pcmesh.network.operations.expanded import contraction_with_weights
from pcmesh.network.operations.signs import Signs
from pcmesh.network.products import Cell, ProductCall


@dataclass(frozen=True)
class Replacement:
    """What stands in for a node: a layer, the nodes that it takes, and the matrices that it uses."""

    layer: nn.Module
    inputs: tuple[Any, ...]
    products: tuple[str, ...]
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a rewrite needs to know.

    Attributes:
        catalogue: the matrices found so far.
        constants: evaluates weights.
        signs: proves that values cannot be negative.
        block: (rows, columns) of the largest block that groups of a convolution are gathered to (a tile's).
        module_of: qualified name of the module that a node comes from.
        fold_of: factor and term of a batch normalisation that is folded into a node's output.
    """

    catalogue: Catalogue
    constants: Constants
    signs: Signs
    block: tuple[int, int]
    module_of: Callable[[fx.Node], str]
    fold_of: Callable[[fx.Node], tuple[Tensor, Tensor] | None]

    def call(self, node: fx.Node, x: fx.Node, weight_node: fx.Node, weight: Tensor) -> ProductCall:
        """Return a call of a matrix made of a node's weight, on the rows of x."""
        sources = self.constants.sources(weight_node)
        signed = not self.signs.nonnegative(x)
        return self.catalogue.call(weight, sources, self.module_of(node), signed)

    def is_weight(self, value: Any) -> bool:
        """Return whether a value can be programmed: it is made of parameters or buffers alone, and of real numbers."""
        if not isinstance(value, fx.Node) or not self.constants.is_constant(value):
            return False
        dtype = value.meta["val"].dtype if "val" in value.meta else self.constants.value(value).dtype
        return bool(self.constants.sources(value)) and (dtype.is_floating_point or dtype.is_complex)

    def affine(self, node: fx.Node, bias: Any) -> Affine:
        """Return a node's bias and folded batch normalisation as an affine map."""
        term = None if bias is None else self.constants.value(bias)
        fold = self.fold_of(node)
        if fold is None:
            return Affine(None, term)
        scale, shift = fold
        return Affine(scale, shift if term is None else term * scale + shift)


def argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    """Return an argument of a node, given by position or by name."""
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def linear(node: fx.Node, context: Context) -> Replacement | None:
    """Return x @ W.T + b as a layer where W is a weight."""
    x, weight, bias = node.args[0], node.args[1], argument(node, 2, "bias")
    return _product(node, context, x, weight, lambda w: w.t(), bias) or contraction(node, context)


def addmm(node: fx.Node, context: Context) -> Replacement | None:
    """Return b + x @ W as a layer where W is a weight."""
    bias, x, weight = node.args[:3]
    if node.kwargs.get("beta", 1) != 1 or node.kwargs.get("alpha", 1) != 1:
        return contraction(node, context)
    return _product(node, context, x, weight, lambda w: w, bias) or contraction(node, context)


def matmul(node: fx.Node, context: Context) -> Replacement | None:
    """Return x @ W as a layer where a factor is a weight."""
    return _product(node, context, node.args[0], node.args[1], lambda w: w, None) or contraction(node, context)


def _product(
    node: fx.Node, context: Context, x: Any, weight: Any, turn: Callable[[Tensor], Tensor], bias: Any
) -> Replacement | None:
    """Return x @ weight as a layer where the weight is a constant matrix and x is computed."""
    constants = context.constants
    if not isinstance(x, fx.Node) or not isinstance(weight, fx.Node) or constants.is_constant(x):
        return None
    if not constants.is_constant(weight) or (bias is not None and not constants.is_constant(bias)):
        return None
    matrix = constants.value(weight)
    if matrix.dim() != 2 or not context.is_weight(weight):
        return None
    call = context.call(node, x, weight, turn(matrix))
    return Replacement(AnalogLinear(call, context.affine(node, bias)), (x,), (call.name,))


def contraction(node: fx.Node, context: Context) -> Replacement | None:
    """Return a sum of products over any dimensions as a layer where a factor is a weight."""
    read = contraction_with_weights(node, context.is_weight)
    if read is None:
        return None
    found, weights = read
    names: list[str] = []

    def products(step: ContractionStep, matrices: Sequence[Tensor]) -> BlockProducts:
        x = found.factors[step.x] if step.x < len(found.factors) else None
        signed = x is None or not context.signs.nonnegative(x)
        sources = context.constants.sources(weights[step.weight].source)
        blocks = gathered(matrices, context.block)
        calls = tuple(context.catalogue.call(b, sources, context.module_of(node), signed) for b in blocks)
        names.extend(call.name for call in calls)
        return BlockProducts(calls, tuple(int(block.shape[0]) for block in blocks))

    def values(number: int) -> Tensor:
        value: Tensor = context.constants.value(weights[number].source)
        return value.reshape(weights[number].shape)

    layer = planned(found, [number in weights for number in range(len(found.factors))], values, products)
    if layer is None:
        return None
    inputs = tuple(found.factors[number] for number in layer.plan.inputs)
    return Replacement(layer, (found.term, *inputs), tuple(names))


def convolution_of(dims: int) -> Callable[[fx.Node, Context], Replacement | None]:
    """Return the rewrite of convolutions over so many dimensions."""

    def rewrite(node: fx.Node, context: Context) -> Replacement | None:
        x, weight = node.args[:2]
        assert isinstance(x, fx.Node)
        assert isinstance(weight, fx.Node)
        constants = context.constants
        bias = argument(node, 2, "bias")
        if not context.is_weight(weight) or constants.is_constant(x) or not constants.is_constant(bias):
            return None
        matrix = constants.value(weight)
        shape = _shape(node, tuple(matrix.shape[2:]), dims)
        weights = [part.flatten(1).t() for part in matrix.chunk(shape.groups)]
        blocks = _blocks(node, context, x, weight, weights)
        affine = context.affine(node, bias)
        names = tuple(call.name for call in blocks.calls)
        return Replacement(AnalogConvolution(blocks, affine, shape), (x,), names)

    return rewrite


def transposed_of(dims: int) -> Callable[[fx.Node, Context], Replacement | None]:
    """Return the rewrite of transposed convolutions over so many dimensions."""

    def rewrite(node: fx.Node, context: Context) -> Replacement | None:
        x, weight = node.args[:2]
        assert isinstance(x, fx.Node)
        assert isinstance(weight, fx.Node)
        constants = context.constants
        bias = argument(node, 2, "bias")
        if not context.is_weight(weight) or constants.is_constant(x) or not constants.is_constant(bias):
            return None
        matrix = constants.value(weight)  # (rows, columns a group, *kernel)
        stride, padding, output_padding = (
            _tuple(argument(node, place, name, default), dims)
            for place, name, default in ((3, "stride", 1), (4, "padding", 0), (5, "output_padding", 0))
        )
        groups, dilation = argument(node, 6, "groups", 1), _tuple(argument(node, 7, "dilation", 1), dims)
        kernel = tuple(matrix.shape[2:])
        shape = ConvolutionShape(kernel, stride, padding, padding, dilation, output_padding, groups)
        blocks = _blocks(node, context, x, weight, [part.flatten(1) for part in matrix.chunk(groups)])
        affine = context.affine(node, bias)
        layer = AnalogTransposedConvolution(blocks, affine, shape, matrix.shape[1] * groups)
        return Replacement(layer, (x,), tuple(call.name for call in blocks.calls))

    return rewrite


def _blocks(node: fx.Node, context: Context, x: fx.Node, weight: fx.Node, weights: Sequence[Tensor]) -> BlockProducts:
    """Gather the groups of a convolution to block-diagonal matrices of at most a tile's size."""
    blocks = gathered(weights, context.block)
    calls = tuple(context.call(node, x, weight, block) for block in blocks)
    return BlockProducts(calls, tuple(int(block.shape[0]) for block in blocks))


def _shape(node: fx.Node, kernel: tuple[int, ...], dims: int) -> ConvolutionShape:
    stride, dilation = _tuple(argument(node, 3, "stride", 1), dims), _tuple(argument(node, 5, "dilation", 1), dims)
    padding, groups = argument(node, 4, "padding", 0), argument(node, 6, "groups", 1)
    if padding == "same":
        total = tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        before = tuple(t // 2 for t in total)
        after = tuple(t - b for t, b in zip(total, before, strict=True))
    else:
        before = after = _tuple(0 if padding == "valid" else padding, dims)
    return ConvolutionShape(kernel, stride, before, after, dilation, groups=groups)


def _tuple(value: Any, dims: int) -> tuple[int, ...]:
    entries = tuple(value) if isinstance(value, list | tuple) else (value,)
    return entries * dims if len(entries) == 1 else entries


def recurrent_of(kind: Kind) -> Callable[[fx.Node, Context], Replacement | None]:
    """Return the rewrite of whole recurrent layers of a kind."""

    def rewrite(node: fx.Node, context: Context) -> Replacement | None:
        if node.target is not getattr(torch.ops.aten, kind).input:
            return None
        x, state, parameters, has_biases, _, _, _, bidirectional, batch_first = node.args
        assert isinstance(x, fx.Node)
        flat = list(parameters)  # type: ignore[arg-type]
        if not all(context.constants.is_constant(entry) for entry in flat):
            return None

        def call(weight: fx.Node, signed: bool) -> ProductCall:
            sources, module = context.constants.sources(weight), context.module_of(node)
            return context.catalogue.call(context.constants.value(weight).t(), sources, module, signed)

        both, value = bool(bidirectional), context.constants.value
        signs = InputSigns(not context.signs.nonnegative(x), not context.signs.nonnegative(state))
        cells = recurrent_cells(kind, flat, bool(has_biases), both, signs, call, value)
        names = tuple(name for calls, _, _ in cells for name in calls.names)
        layer = AnalogRecurrent(kind, cells, both, bool(batch_first))
        return Replacement(layer, (x, state), names, layer.cells)

    return rewrite


def cell_of(kind: Kind) -> Callable[[fx.Node, Context], Replacement | None]:
    """Return the rewrite of one step of a recurrent layer of a kind."""

    def rewrite(node: fx.Node, context: Context) -> Replacement | None:
        x, state, wx, wh = node.args[:4]
        assert isinstance(x, fx.Node)
        assert isinstance(wx, fx.Node)
        assert isinstance(wh, fx.Node)
        if not all(context.constants.is_constant(entry) for entry in (wx, wh)):
            return None
        value = context.constants.value
        calls = CellCalls(
            context.call(node, x, wx, value(wx).t()),
            context.catalogue.call(value(wh).t(), context.constants.sources(wh), context.module_of(node), True),
        )
        affine = [Affine(None, value(argument(node, 4 + i, name))) for i, name in enumerate(("b_ih", "b_hh"))]
        return Replacement(AnalogCell(kind, calls, *affine), (x, state), calls.names, (Cell(0, calls.names),))

    return rewrite


def embedding(node: fx.Node, context: Context) -> Replacement | None:
    """Return a table as a matrix that one-hot rows select from (paper: Methods, the decoder's embedding)."""
    table, x = node.args[:2]
    assert isinstance(x, fx.Node)
    assert isinstance(table, fx.Node)
    if not context.constants.is_constant(table) or context.constants.is_constant(x):
        return None
    sources, weight = context.constants.sources(table), context.constants.value(table)
    call = context.catalogue.call(weight, sources, context.module_of(node), False)
    return Replacement(AnalogEmbedding(call, weight.shape[0]), (x,), (call.name,))
