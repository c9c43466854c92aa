"""Input vectors that need the largest ranges: so that nothing of the calibration data is clipped where none may be.

A layer's range must hold what its rows are sent and what its groups of columns give. Both depend on how the layer is
cut: a group may add up any of the sums below, which are those that `mapping.mapper` makes of a tile's rows and columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pcmesh.deployed.ends import Ends
from pcmesh.network.products import Products

_BLOCKS_A_GROUP = (1, 2, 4)
"""Row blocks whose sum is analog: one tile, two with shared capacitors, and twice as many rows with 2-PCM."""


@dataclass
class ExtremeProducts(Products):
    """The products in float32; of each layer it keeps the vectors with the largest input and the largest sums.

    Attributes:
        weights: layer -> matrix.
        ends: layer -> what becomes of its inputs and outputs beside the chip.
        tile: rows and columns of a tile, in which every sum is looked at; None: only sums of all rows.
        found: layer -> (number of the sum) -> (its largest magnitude, the input vector).
    """

    weights: Mapping[str, Tensor]
    ends: Mapping[str, Ends]
    tile: tuple[int, int] | None = None
    found: dict[str, dict[int, tuple[float, Tensor]]] = field(default_factory=dict)
    _programmed: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return x @ weight and look for extremes."""
        del keys
        if len(x):
            known = self.found.setdefault(layer, {})
            for number, magnitudes in enumerate(self._magnitudes(layer, x)):
                best = int(magnitudes.argmax())
                largest = float(magnitudes[best])
                if number not in known or largest > known[number][0]:
                    known[number] = (largest, x[best].clone())
        return x @ self.weights[layer]

    def examples(self, layer: str) -> Tensor:
        """Return the vectors of a layer."""
        return torch.stack([vector for _, vector in self.found[layer].values()])

    def _magnitudes(self, layer: str, x: Tensor) -> Iterator[Tensor]:
        """Yield what each vector needs: the largest magnitude of its inputs, and of each kind of sum, (B,) each."""
        if layer not in self._programmed:
            self._programmed[layer] = self.ends[layer].weight(self.weights[layer])
        sent, weight = self.ends[layer].inputs(x), self._programmed[layer]
        yield sent.abs().amax(1)
        yield from (part.abs().amax(1) for part in self._sums(sent, weight))

    def _sums(self, sent: Tensor, weight: Tensor) -> Iterator[Tensor]:
        rows = len(weight)
        if self.tile is None:
            yield sent @ weight
            return
        height, width = self.tile
        blocks = [sent[:, first : first + height] @ weight[first : first + height] for first in range(0, rows, height)]
        together = sorted({min(count, len(blocks)) for count in (*_BLOCKS_A_GROUP, len(blocks))})
        for count in together:
            for first in range(0, len(blocks), count):
                yield from torch.split(torch.stack(blocks[first : first + count]).sum(0), width, dim=1)
