"""Products that do not fill whole tiles, side by side on shared ones.

A vector that is zero in all rows but those of one rectangle draws current from that rectangle alone, so rectangles of
different products may lie anywhere on a tile; they are run one after the other. A tile of them is a layer like any
other, a *sheet*: it is programmed, calibrated and read as one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.network.activation import Activation
from pcmesh.network.products import Chain, MatrixProduct

Rectangle = tuple[int, int, int, int]
"""Rows and columns of a matrix: first row, row behind the last, first column, column behind the last."""


class Piece(NamedTuple):
    """A rectangle of a product's matrix, rows and columns [start, stop), and its place on a layer."""

    layer: str
    row_start: int
    row_stop: int
    column_start: int
    column_stop: int
    row: int = 0
    column: int = 0


@dataclass(frozen=True)
class Layout:
    """Products as layers of a graph.

    Attributes:
        graph: the layers, whole products or sheets.
        pieces: product -> its rectangles, which cover it once.
        scale: product -> factor of its products (1 where its weights were not scaled for a sheet).
    """

    graph: LayerGraph
    pieces: Dict[str, tuple[Piece, ...]]
    scale: Dict[str, float]

    @property
    def sheets(self) -> tuple[str, ...]:
        """Layers that hold several rectangles."""
        found: dict[str, int] = {}
        for pieces in self.pieces.values():
            for piece in pieces:
                found[piece.layer] = found.get(piece.layer, 0) + 1
        return tuple(layer for layer, count in found.items() if count > 1)

    def pieces_of(self, layer: str) -> tuple[tuple[str, Piece], ...]:
        """Return the rectangles of a layer with their products."""
        return tuple((name, piece) for name, pieces in self.pieces.items() for piece in pieces if piece.layer == layer)

    def is_whole(self, product: str) -> bool:
        """Return whether a product is a layer of its own."""
        pieces = self.pieces[product]
        return len(pieces) == 1 and len(self.pieces_of(pieces[0].layer)) == 1

    def inputs(self, examples: Dict[str, Tensor]) -> dict[str, Tensor]:
        """Return examples of every layer's input vector from examples of the products' inputs (B, rows)."""
        found: dict[str, list[Tensor]] = {layer.name: [] for layer in self.graph.layers}
        for product, pieces in self.pieces.items():
            for piece in pieces:
                x = examples[product][:, piece.row_start : piece.row_stop]
                found[piece.layer].append(spread(x, piece, self.graph.weights[piece.layer].shape[0]))
        return {self.graph.layer(name).input: torch.cat(parts) for name, parts in found.items()}


def spread(x: Tensor, piece: Piece, rows: int) -> Tensor:
    """Return x (B, rows of a piece) on the rows of its layer, (B, rows), zero elsewhere."""
    if x.shape[1] == rows:
        return x
    out = x.new_zeros(x.shape[0], rows)
    out[:, piece.row : piece.row + x.shape[1]] = x
    return out


def layers_of(
    name: str,
    products: Sequence[MatrixProduct],
    tile: tuple[int, int],
    packed: Dict[str, Hashable] | None = None,
    chains: Sequence[Chain] = (),
) -> Layout:
    """Make each product a layer, or cut it so that what does not fill tiles is packed.

    Args:
        name: the network's.
        products: the matrices.
        tile: rows and columns of a tile.
        packed: products whose remainders go onto sheets -> how they are mapped; those mapped alike share sheets.
        chains: products that hand their pulses over; each is a layer of its own.
    """
    packed = packed or {}
    weights: dict[str, Tensor] = {}
    signed: dict[str, bool] = {}
    pieces: dict[str, list[Piece]] = {product.name: [] for product in products}
    scale = {product.name: 1.0 for product in products}
    rest: dict[Hashable, list[tuple[MatrixProduct, Rectangle]]] = {}
    for product in products:
        if product.name not in packed:
            weights[product.name], signed[product.name] = product.weight, product.signed
            pieces[product.name].append(Piece(product.name, 0, product.rows, 0, product.columns))
            continue
        full, left = _cut(product, tile)
        scale[product.name] = max(float(product.weight.abs().max()), 1e-30)
        if full is not None:
            layer = f"{product.name}[:{full}]"
            weights[layer] = product.weight[:, :full] / scale[product.name]
            signed[layer] = product.signed
            pieces[product.name].append(Piece(layer, 0, product.rows, 0, full))
        rest.setdefault(packed[product.name], []).extend((product, rectangle) for rectangle in left)
    names = _free_names(weights)
    for alike in rest.values():
        _pack(alike, tile, names, weights, signed, pieces, scale)
    graph = _handed_over(_graph(name, weights, signed), chains)
    return Layout(graph, {n: tuple(p) for n, p in pieces.items()}, scale)


def _free_names(taken: Dict[str, Tensor]) -> Iterator[str]:
    """Yield names of sheets; a network's own layer may have any name, that of a sheet too."""
    return (name for number in count() if (name := f"sheet{number}") not in taken)


def _cut(product: MatrixProduct, tile: tuple[int, int]) -> tuple[int | None, list[Rectangle]]:
    """Return how many columns make blocks that fill tiles, and the rectangles of what does not."""
    full = product.columns // tile[1] * tile[1] if product.rows >= tile[0] else 0
    left = [
        (row, min(row + tile[0], product.rows), column, min(column + tile[1], product.columns))
        for row in range(0, product.rows, tile[0])
        for column in range(full, product.columns, tile[1])
    ]
    return full or None, left


def _pack(
    rest: list[tuple[MatrixProduct, Rectangle]],
    tile: tuple[int, int],
    names: Iterator[str],
    weights: dict[str, Tensor],
    signed: dict[str, bool],
    pieces: dict[str, list[Piece]],
    scale: Dict[str, float],
) -> None:
    """Put rectangles on shelves, the tallest first: a sheet is a stack of shelves, a shelf a row of rectangles."""
    shelves: list[list[int]] = []  # sheet, top row, height, columns used
    heights: list[int] = []  # rows used of each sheet
    sheets: list[str] = []
    placed: dict[int, list[tuple[MatrixProduct, Piece]]] = {}
    for product, (r0, r1, c0, c1) in sorted(
        rest, key=lambda entry: (entry[1][0] - entry[1][1], entry[1][2] - entry[1][3])
    ):
        rows, columns = r1 - r0, c1 - c0
        shelf = next((s for s in shelves if s[2] >= rows and s[3] + columns <= tile[1]), None)
        if shelf is None:
            sheet = next((n for n, used in enumerate(heights) if used + rows <= tile[0]), len(heights))
            if sheet == len(heights):
                heights.append(0)
                sheets.append(next(names))
            shelf = [sheet, heights[sheet], rows, 0]
            heights[sheet] += rows
            shelves.append(shelf)
        piece = Piece(sheets[shelf[0]], r0, r1, c0, c1, shelf[1], shelf[3])
        shelf[3] += columns
        placed.setdefault(shelf[0], []).append((product, piece))
    for number, entries in placed.items():
        height = max(p.row + p.row_stop - p.row_start for _, p in entries)
        width = max(p.column + p.column_stop - p.column_start for _, p in entries)
        matrix = torch.zeros(height, width, dtype=torch.float32)
        for product, p in entries:
            block = product.weight[p.row_start : p.row_stop, p.column_start : p.column_stop] / scale[product.name]
            matrix[p.row : p.row + block.shape[0], p.column : p.column + block.shape[1]] = block
            pieces[product.name].append(p)
        weights[sheets[number]] = matrix
        signed[sheets[number]] = any(product.signed for product, _ in entries)


def _graph(name: str, weights: Dict[str, Tensor], signed: Dict[str, bool]) -> LayerGraph:
    vectors: list[Vector] = []
    layers: list[AnalogLayer] = []
    for layer, weight in weights.items():
        vectors.append(Vector(name=f"{layer}.in", size=int(weight.shape[0]), signed=signed[layer]))
        vectors.append(Vector(name=f"{layer}.out", size=int(weight.shape[1])))
        layers.append(AnalogLayer(name=layer, input=f"{layer}.in", output=f"{layer}.out"))
    return LayerGraph(name, tuple(vectors), tuple(layers), (), dict(weights))


def _handed_over(graph: LayerGraph, chains: Sequence[Chain]) -> LayerGraph:
    """Return the graph with each layer of a chain giving its output to the next, through its activation.

    What no pulse stands for (the lower limit of a hard tanh) is a bias of the next layer.
    """
    behind = {a: b for chain in chains for a, b in zip(chain.products, chain.products[1:], strict=False)}
    made = {a: made for chain in chains for a, made in zip(chain.products, chain.activations, strict=True)}
    biases = {
        name: bias
        for chain in chains
        for name, bias in zip(chain.products, chain.biases, strict=True)
        if bias is not None
    }
    for before, name in behind.items():
        if made[before].floor:
            none = made[before].floor * graph.weights[name].sum(0)
            biases[name] = biases[name] + none if name in biases else none
    gone = {f"{name}.out" for name in behind}
    layers = tuple(
        _with_activation(layer, made[layer.name], behind.get(layer.name)) if layer.name in made else layer
        for layer in graph.layers
    )
    unsigned = {f"{name}.in" for name in behind.values()} | {
        layer.output for layer in layers if not layer.function.is_linear
    }
    vectors = tuple(
        vector.model_copy(update={"signed": False}) if vector.name in unsigned else vector
        for vector in graph.vectors
        if vector.name not in gone
    )
    return LayerGraph(graph.name, vectors, layers, (), graph.weights, biases)


def _with_activation(layer: AnalogLayer, activation: Activation, behind: str | None) -> AnalogLayer:
    """Return a layer with what its ramp makes of its sums; `behind`: the layer that its pulses go to."""
    limits = (activation.lower, activation.upper) if activation.upper < torch.inf else None
    output = layer.output if behind is None else f"{behind}.in"
    return layer.model_copy(update={"activation": activation.kind, "limits": limits, "output": output})
