"""The chip's side of a network: products by name, from whole layers or from rectangles on shared tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pcmesh.deployed.chip import Chip
from pcmesh.deployed.ends import Ends, sent_frames
from pcmesh.execution.products import ChainProduct, LayerProduct
from pcmesh.mapping.packing import Layout, spread
from pcmesh.network.products import Chain, Products

_CHUNK_ROWS = 1024
"""So many rows go all the way before the next ones: what lies between the steps stays in the caches."""

_SOFTWARE_ROWS = 64


@dataclass(frozen=True)
class ChipSide(Products):
    """One programmed and calibrated chip instance (or several chips) as the products of a network.

    Attributes:
        layout: which rectangles make a product.
        chip: the programmed layers.
        ends: what becomes of every product's inputs beside it.

    Layers are built when they are first needed; threads that need one at once build the same.
    """

    layout: Layout
    chip: Chip
    ends: Mapping[str, Ends]
    _ready: dict[str, LayerProduct] = field(default_factory=dict, repr=False)
    _ready_chains: dict[str, ChainProduct] = field(default_factory=dict, repr=False)

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return the product (B, columns) of inputs (B, rows) float32; keys (B,) int64, or None without noise."""
        if len(x) <= _CHUNK_ROWS:
            return self._chunk(layer, x, keys)
        first = self._chunk(layer, x[:_CHUNK_ROWS], None if keys is None else keys[:_CHUNK_ROWS])
        out = first.new_empty(len(x), first.shape[1])
        out[:_CHUNK_ROWS] = first
        for start in range(_CHUNK_ROWS, len(x), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            out[part] = self._chunk(layer, x[part], None if keys is None else keys[part])
        return out

    def chain(self, chain: Chain, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return what the last product of a chain gives; its layers hand pulses over where all are on this chip."""
        if not self.hands_over(chain):
            return super().chain(chain, x, keys)
        first, parts = chain.products[0], range(0, max(len(x), 1), _CHUNK_ROWS)
        run, sent = self._chain(first), self.ends[first].inputs(x)
        rows = [slice(start, start + _CHUNK_ROWS) for start in parts]
        return torch.cat([run(sent[part], None if keys is None else keys[part]) for part in rows])

    def hands_over(self, chain: Chain) -> bool:
        """Return whether the layers of a chain hand pulses over on this chip."""
        names = {layer.name: layer for layer in self.layout.graph.layers}
        if not names.keys() >= set(chain.products) or names[chain.products[-1]].function != chain.activations[-1]:
            return False
        pairs = zip(chain.products, chain.products[1:], strict=False)
        return all(names[a].output == names[b].input for a, b in pairs)

    def _chain(self, first: str) -> ChainProduct:
        found = self._ready_chains.get(first)
        return self._ready_chains.setdefault(first, self.chip.chain(first)) if found is None else found

    def _chunk(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        return self._product(layer, self.ends[layer].inputs(x), keys)

    def _product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        pieces, scale = self.layout.pieces[layer], self.layout.scale[layer]
        if self.layout.is_whole(layer):
            alone = self._layer(pieces[0].layer)(x, keys)
            return alone if scale == 1.0 else alone * scale
        columns = max(piece.column_stop for piece in pieces)
        out = x.new_zeros(x.shape[0], columns)
        for piece in pieces:
            rows = self.layout.graph.weights[piece.layer].shape[0]
            part = spread(x[:, piece.row_start : piece.row_stop], piece, rows)
            width = piece.column_stop - piece.column_start
            got = self._layer(piece.layer)(part, keys)[:, piece.column : piece.column + width]
            out[:, piece.column_start : piece.column_stop] += got
        return out * scale

    def gains(self, product: str) -> Tensor:
        """Return the gain with which each column of a product was written (C,), the smallest where it is in pieces."""
        pieces = self.layout.pieces[product]
        found = torch.full((max(piece.column_stop for piece in pieces),), torch.inf, dtype=torch.float32)
        for piece in pieces:
            columns = slice(piece.column_start, piece.column_stop)
            own = self.chip.gains(piece.layer)[piece.column : piece.column + piece.column_stop - piece.column_start]
            found[columns] = torch.minimum(found[columns], own)
        return found

    def aged(self, time_s: float) -> ChipSide:
        """Return the chip `time_s` after calibration."""
        return ChipSide(self.layout, self.chip.aged(time_s), self.ends)

    def expecting_drift(self) -> ChipSide:
        """Return the chip, calibrated when new, with products enlarged by what drift is expected to have taken."""
        return ChipSide(self.layout, self.chip.expecting_drift(), self.ends)

    def recalibrated(self, frames: Mapping[str, Tensor]) -> ChipSide:
        """Return the chip with its read-out fitted anew at its age, on frames of every product's input."""
        inputs = self.layout.inputs(sent_frames(frames, self.ends))
        return ChipSide(self.layout, self.chip.recalibrated(inputs), self.ends)

    def _layer(self, name: str) -> LayerProduct:
        found = self._ready.get(name)
        return self._ready.setdefault(name, self.chip.layer(name)) if found is None else found


@dataclass(frozen=True)
class MixedProducts(Products):
    """Some products on the chip, the others in software: what one layer alone loses."""

    chip: ChipSide
    weights: Mapping[str, Tensor]
    on_chip: frozenset[str]

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return the product from where it is computed."""
        if layer in self.on_chip:
            return self.chip.product(layer, x, keys)
        return _alike(x, self.weights[layer])

    def chain(self, chain: Chain, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return what a chain gives, from the chip where all its products are."""
        whole = self.on_chip.issuperset(chain.products)
        return self.chip.chain(chain, x, keys) if whole else super().chain(chain, x, keys)


def _alike(x: Tensor, weight: Tensor) -> Tensor:
    """Return x @ weight, each row with the same bits in any company: libraries sum by the shapes that they get."""
    rows = len(x)
    padded = torch.nn.functional.pad(x, (0, 0, 0, -rows % _SOFTWARE_ROWS))
    return torch.cat([part @ weight for part in torch.split(padded, _SOFTWARE_ROWS)] or [x @ weight])[:rows]
