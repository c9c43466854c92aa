"""Read noise of the clocked chip: every cell pair draws its own, in every phase.

Shape legend: L lanes, R rows, C columns.
"""

from __future__ import annotations

import torch

from pcmesh.hardware import Site
from pcmesh.physics.fabrication import Instance
from pcmesh.random import torch_generator


class ReadNoise:
    """Normal numbers of one tile; they depend on the chip, the frame, the tile and the phase, on nothing else."""

    def __init__(self, instance: Instance, site: Site, frames: torch.Tensor) -> None:
        self._instance, self._site, self._frames = instance, site, frames

    def normal(self, turn: int, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Return normal numbers for the frames of turn `turn`, (L, *shape) float64.

        Args:
            turn: the number of the frame in each lane.
            name: what they are for.
            shape: shape of one lane's numbers.
        """
        return torch.stack([self._draw(int(frame), name, shape) for frame in self._frames[:, turn]])

    def charge(self, turn: int, name: str, widths: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
        """Return the noise of the charge, (L, C) float64, in sqrt(variance levels) x ticks.

        Args:
            turn, name: see `normal`.
            widths: (L, R) float64, pulse widths in ticks.
            variance: (R, C) levels of the cells.
        """
        sigma = torch.sqrt(variance.to(torch.float64))
        return torch.stack(
            [
                row @ (sigma * self._draw(int(frame), name, tuple(sigma.shape)))
                for row, frame in zip(widths, self._frames[:, turn], strict=True)
            ]
        )

    def _draw(self, frame: int, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        one = self._instance
        generator = torch_generator(one.seed, "read", "clocked", one.number, one.chip, frame, *self._site, name)
        return torch.randn(shape, generator=generator, dtype=torch.float64)
