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
        ends: layer -> what becomes of its inputs beside the chip.
        tile: rows and columns of a tile, in which every column's sums are looked at, as each has its own gain; None:
            only the largest sum of all rows.
        found: layer -> for each kind of sum the largest magnitudes (columns,) and their vectors (columns, rows).
    """

    weights: Mapping[str, Tensor]
    ends: Mapping[str, Ends]
    tile: tuple[int, int] | None = None
    found: dict[str, list[tuple[Tensor, Tensor]]] = field(default_factory=dict)
    _programmed: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return x @ weight and look for extremes."""
        del keys
        if len(x):
            own = []
            for magnitudes in self._magnitudes(layer, x):
                best = magnitudes.argmax(0)
                own.append((magnitudes.gather(0, best[None])[0], x[best]))
            known = self.found.get(layer)
            self.found[layer] = own if known is None else [_larger(a, b) for a, b in zip(known, own, strict=True)]
        return x @ self.weights[layer]

    def examples(self, layer: str) -> Tensor:
        """Return the vectors of a layer."""
        found: Tensor = torch.unique(torch.cat([vectors for _, vectors in self.found[layer]]), dim=0)
        return found

    def _magnitudes(self, layer: str, x: Tensor) -> Iterator[Tensor]:
        """Yield what each vector needs: the largest magnitude of its inputs (B, 1), of each sum (B, columns or 1)."""
        if layer not in self._programmed:
            self._programmed[layer] = self.ends[layer].weight(self.weights[layer])
        sent, weight = self.ends[layer].inputs(x), self._programmed[layer]
        yield sent.abs().amax(1, keepdim=True)
        if self.tile is None:
            yield (sent @ weight).abs().amax(1, keepdim=True)
        else:
            yield from (part.abs() for part in self._sums(sent, weight, self.tile[0]))

    def _sums(self, sent: Tensor, weight: Tensor, height: int) -> Iterator[Tensor]:
        rows = len(weight)
        blocks = [sent[:, first : first + height] @ weight[first : first + height] for first in range(0, rows, height)]
        together = sorted({min(count, len(blocks)) for count in (*_BLOCKS_A_GROUP, len(blocks))})
        for count in together:
            for first in range(0, len(blocks), count):
                yield torch.stack(blocks[first : first + count]).sum(0)


def _larger(known: tuple[Tensor, Tensor], own: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the larger magnitude of each column, with its vector."""
    better = own[0] > known[0]
    return torch.where(better, own[0], known[0]), torch.where(better[:, None], own[1], known[1])
