"""More rows than inputs, copies or a weight expansion, so that the errors of more devices average out.

y = x W is computed as y = T(x) W' with T linear and digital; `signed`: T(x) has both signs where x has not.
Shapes: B vectors, R inputs, N rows, C columns.
Source: Ambrogio et al. 2023, Fig. 5e, Methods "RNNT weights and network mapping" (240 features on 960 or 1,024 rows).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pcmesh.errors import ConfigurationError
from pcmesh.network.operations.digital import MULTIPLY_ADD


@dataclass(frozen=True)
class Copies:
    """Each input goes to `count` rows, each with that share of its weight (the paper's weight averaging)."""

    count: int
    signed = False

    def weight(self, weight_RC: Tensor) -> Tensor:
        """Return W' (count * R, C)."""
        return weight_RC.repeat(self.count, 1) / self.count

    def inputs(self, x_BR: Tensor) -> Tensor:
        """Return T(x) (B, count * R)."""
        return x_BR.repeat(1, self.count)

    @property
    def operations(self) -> int:
        """Digital operations for each vector: a value that goes to several rows is computed once."""
        return 0


@dataclass(frozen=True)
class Expansion:
    """T(x) = M x and W' = W pinv(M), with a fixed M (N, R): every input reaches every row."""

    matrix_NR: Tensor
    signed = True

    def weight(self, weight_RC: Tensor) -> Tensor:
        """Return W' (N, C)."""
        inverse: Tensor = torch.linalg.pinv(self.matrix_NR)
        return inverse.T @ weight_RC

    def inputs(self, x_BR: Tensor) -> Tensor:
        """Return T(x) (B, N)."""
        return x_BR @ self.matrix_NR.T

    @property
    def operations(self) -> int:
        """Digital operations for each vector."""
        return MULTIPLY_ADD.operations * self.matrix_NR.numel()


MoreRows = Copies | Expansion


def normal_matrix(rows: int, inputs: int, generator: torch.Generator) -> Tensor:
    """Return M (rows, inputs), random normal.

    Raises:
        ConfigurationError: fewer rows than inputs (M would lose information).
    """
    if rows < inputs:
        raise ConfigurationError(f"weight expansion to {rows} rows", f"Expand to at least {inputs} rows (the inputs)")
    return torch.randn(rows, inputs, generator=generator, dtype=torch.float32)
