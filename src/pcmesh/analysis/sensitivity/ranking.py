"""Which layers lose most when each is alone on a chip, and whether all chips agree on that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcmesh.analysis.accuracy import interval_95


@dataclass(frozen=True)
class ChipRanking:
    """What each layer loses alone on each of the same chips, in one measure.

    Attributes:
        measure: what is lost: `accuracy`, `word error rate`, `nats per word`, ..
        losses: layer -> loss on each chip.
        leading: how many layers count as the first ones.
    """

    measure: str
    losses: Mapping[str, tuple[float, ...]]
    leading: int = 2

    @property
    def layers(self) -> list[str]:
        """All layers, the one that loses most on average first."""
        return sorted(self.losses, key=lambda name: -float(np.mean(self.losses[name])))

    @property
    def share_of_chips(self) -> float:
        """Share of the chips on which the leading layers are the same ones in the same order as on average."""
        return self._share(lambda first: first == self.layers[: self.leading])

    @property
    def share_of_first(self) -> float:
        """Share of the chips on which the same layer loses most as on average."""
        return self._share(lambda first: first[0] == self.layers[0])

    @property
    def share_in_any_order(self) -> float:
        """Share of the chips on which the leading layers are the same ones, in whatever order."""
        return self._share(lambda first: set(first) == set(self.layers[: self.leading]))

    def as_json(self) -> dict[str, Any]:
        """Return plain data; docs/sensitivity.md describes its keys."""
        return {
            "measure": self.measure,
            "layers": self.layers[: self.leading],
            "chips": len(self._by_chip()),
            "share_of_chips": self.share_of_chips,
            "share_of_first": self.share_of_first,
            "share_in_any_order": self.share_in_any_order,
            "loss": {
                name: {"mean": float(np.mean(values)), "ci95": list(interval_95(values)), "per_chip": list(values)}
                for name, values in self.losses.items()
            },
        }

    def _share(self, agrees: Callable[[list[str]], bool]) -> float:
        chips = self._by_chip()
        return sum(agrees(first[: self.leading]) for first in chips) / len(chips)

    def _by_chip(self) -> list[list[str]]:
        """Return the layers by their loss on each chip; equal ones stay in the order given."""
        names = list(self.losses)
        order = np.argsort(-np.array([self.losses[name] for name in names]), axis=0, kind="stable")
        return [[names[place] for place in chip] for chip in order.T]


def rankings(measures: Mapping[str, Mapping[str, Sequence[float]]]) -> list[dict[str, Any]]:
    """Return the ranking in each measure as plain data: measure -> layer -> loss on each chip."""
    return [
        ChipRanking(name, {layer: tuple(values) for layer, values in losses.items()}).as_json()
        for name, losses in measures.items()
    ]
