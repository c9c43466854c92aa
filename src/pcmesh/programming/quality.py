"""How well weights were written: error, spread, analog yield (paper: Extended Data Fig. 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from pcmesh.programming.chip import ProgrammedNetwork
from pcmesh.programming.targets import LARGEST_TARGET, tile_targets

YIELD_LIMIT = 0.2
"""A weight is good if its error is below this share of the largest weight (paper: Methods, analog yield)."""


@dataclass(frozen=True)
class PairQuality:
    """One device pair of one tile; errors in shares of the largest weight.

    Attributes:
        tile, layer, pair: which.
        error: (rows, columns) float32, written minus wanted, of the block in use.
    """

    tile: int
    layer: str
    pair: int
    error: torch.Tensor

    @property
    def analog_yield(self) -> float:
        """Share of weights with an error below 20 % of the largest weight."""
        return float((self.error.abs() < YIELD_LIMIT).float().mean())

    @property
    def mean_error(self) -> float:
        """Mean magnitude of the error."""
        return float(self.error.abs().mean())

    @property
    def spread_1_99(self) -> float:
        """Distance between the 1 % and the 99 % point of the error's distribution."""
        low, high = torch.quantile(
            self.error.flatten()[:: max(1, self.error.numel() // 1_000_000)],
            torch.tensor([0.01, 0.99], dtype=torch.float32),
        )
        return float(high - low)

    def as_json(self, map_size: int) -> dict[str, Any]:
        """Return the pair as plain data for figures: an error map of that many means a side, and the distribution."""
        shares = torch.linspace(0, 1, 101, dtype=torch.float32)
        block = torch.nn.functional.adaptive_avg_pool2d(self.error[None], map_size)[0]
        points = torch.quantile(self.error.flatten(), shares)
        return {
            "tile": self.tile,
            "layer": self.layer,
            "pair": self.pair,
            "error_map": [[round(float(v), 4) for v in row] for row in block],
            "cdf": {"error": [round(float(v), 4) for v in points], "share": [round(float(s), 2) for s in shares]},
            "spread_1_99": self.spread_1_99,
        }


def programming_quality(network: ProgrammedNetwork, beyond_max_w: bool = False) -> tuple[PairQuality, ...]:
    """Return the quality of every device pair in use, as programming left it: before any drift.

    Args:
        network: the chips.
        beyond_max_w: whether weights beyond Max W are wanted as they are, so that what they saturate at is an error;
            else they count as written where they reach Max W.
    """
    found, reach = [], math.inf if beyond_max_w else LARGEST_TARGET
    for tile in network.mapping.tiles:
        if tile.wp1.layer not in network.targets:
            continue  # not written
        wanted = tile_targets(network.mapping, tile, network.targets[tile.wp1.layer], network.chip, reach)
        written = network.written_weights(tile.index)
        for pair in (1, 2):
            block = tile.block(pair)
            if block is None:
                continue
            used = wanted[pair - 1, : block.rows].abs().amax(0) > 0
            error = (written - wanted[:, : network.chip.tile.rows])[pair - 1, : block.rows][:, used]
            found.append(PairQuality(tile.index, block.layer, pair, error))
    return tuple(found)


def overall(quality: tuple[PairQuality, ...]) -> tuple[float, float]:
    """Return (analog yield, mean error) over all weights of all pairs."""
    count = sum(q.error.numel() for q in quality)
    good = sum(q.analog_yield * q.error.numel() for q in quality)
    return good / count, sum(q.mean_error * q.error.numel() for q in quality) / count
