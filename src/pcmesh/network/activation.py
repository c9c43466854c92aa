"""What a ramp can make of a column's sum: nothing, a ReLU, a hard sigmoid or a hard tanh.

A column's pulse is high from when its tile's comparators are enabled until the ramp crosses its voltage, and low at the
latest when the enable signal ends. Sums below the ramp's voltage at the beginning give no pulse, sums above that at the
end the longest one. Source: Ambrogio et al. 2023, Methods "Inference" (enable signal timings).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pcmesh.errors import ConfigurationError

ActivationKind = Literal["linear", "relu", "hard-sigmoid", "hard-tanh"]


@dataclass(frozen=True)
class Activation:
    """An activation function; zero lies between its limits.

    Attributes:
        kind: which.
        lower: sum at which the pulse begins to grow (0 of a ReLU); -inf of what is linear.
        upper: sum at which the pulse is longest; inf where the layer's range says so.
    """

    kind: ActivationKind = "linear"
    lower: float = -torch.inf
    upper: float = torch.inf

    def __post_init__(self) -> None:
        """Refuse limits that the kind cannot have.

        Raises:
            ConfigurationError: they are so.
        """
        fits = {
            "linear": self.lower == -torch.inf and self.upper == torch.inf,
            "relu": self.lower == 0 < self.upper,
        }
        bounded = -torch.inf < self.lower <= 0 <= self.upper < torch.inf and self.lower < self.upper
        if not fits.get(self.kind, bounded):
            raise ConfigurationError(
                f"a {self.kind} activation cannot have the limits {self.lower:g} and {self.upper:g}",
                "Give limits with zero between them",
            )

    @property
    def is_linear(self) -> bool:
        """Whether it leaves sums as they are."""
        return self.kind == "linear"

    @property
    def clips(self) -> bool:
        """Whether both ends are its own, so that the layer's range follows from it."""
        return self.kind in ("hard-sigmoid", "hard-tanh")

    @property
    def unit(self) -> float:
        """The value that a sum of 1 gives between the limits."""
        return 1 / (self.upper - self.lower) if self.kind == "hard-sigmoid" else 1.0

    @property
    def floor(self) -> float:
        """The value that no pulse stands for."""
        return self.lower if self.kind == "hard-tanh" else 0.0

    def __call__(self, y: Tensor) -> Tensor:
        """Return the values of sums, as software has them."""
        if self.is_linear:
            return y
        if self.kind == "relu":
            return torch.relu(y) if self.upper == torch.inf else y.clamp(0, self.upper)
        if self.kind == "hard-tanh":
            return y.clamp(self.lower, self.upper)
        return ((y - self.lower) * self.unit).clamp(0, 1)

    def carried(self, y: Tensor) -> Tensor:
        """Return what the pulses of sums stand for: their values above `floor`; a linear output has a sign."""
        return self(y) - self.floor if self.floor else self(y)


LINEAR = Activation()
RELU = Activation("relu", 0.0)
HARD_SIGMOID = Activation("hard-sigmoid", -3.0, 3.0)
"""PyTorch's: relu6(x + 3) / 6."""
