"""How far the chip's matrix products are from ideal ones on the same inputs (paper: Fig. 3f, Extended Data Fig. 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class MacError:
    """Chip against software products of one layer; (inputs, columns) float32 in shares of the output range.

    Attributes:
        chip: what came out of the columns.
        software: ideal products of the inputs that the chip's layer really got, with the activation applied.
    """

    chip: torch.Tensor
    software: torch.Tensor

    @classmethod
    def joined(cls, parts: Sequence[MacError]) -> MacError:
        """Return the errors of several batches as one."""
        return cls(torch.cat([part.chip for part in parts]), torch.cat([part.software for part in parts]))

    @property
    def sigma(self) -> float:
        """Standard deviation of the error, share of the output range, where the output is not clipped."""
        inside = self._inside
        return float((self.chip - self.software)[inside].std()) if int(inside.sum()) > 1 else 0.0

    @property
    def correlation(self) -> float:
        """Pearson correlation of chip and software."""
        pair = torch.stack([self.chip.flatten(), self.software.flatten()]).double()
        return float(torch.corrcoef(pair)[0, 1])

    @property
    def _inside(self) -> torch.Tensor:
        return (self.software > self.software.min()) & (self.software < self.software.max())

    def sample(self, count: int) -> dict[str, list[float]]:
        """Return about `count` pairs, evenly taken, for a scatter plot."""
        step = max(1, self.chip.numel() // count)
        return {
            "software": [round(float(v), 4) for v in self.software.flatten()[::step]],
            "chip": [round(float(v), 4) for v in self.chip.flatten()[::step]],
        }
