"""y = (x W) · scale + bias: the product on tiles, the affine map digital."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pcmesh.network.products import Chain, ProductCall


class Affine(nn.Module):
    """A factor and a term for each column, (columns,) each; on the chip they are part of its calibration's own map."""

    scale: Tensor | None
    bias: Tensor | None

    def __init__(self, scale: Tensor | None = None, bias: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("scale", None if scale is None else scale.detach().clone(), persistent=False)
        self.register_buffer("bias", None if bias is None else bias.detach().clone(), persistent=False)

    def forward(self, y: Tensor) -> Tensor:
        """Return y (..., columns) with both applied."""
        if self.scale is not None:
            y = y * self.scale
        return y if self.bias is None else y + self.bias


class AnalogLinear(nn.Module):
    """A linear layer (..., rows) -> (..., columns)."""

    def __init__(self, call: ProductCall, affine: Affine) -> None:
        super().__init__()
        self.call, self.affine = call, affine

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output."""
        y: Tensor = self.affine(self.call(x))
        return y


class AnalogChain(nn.Module):
    """Linear layers that hand their pulses over, with activations: (..., rows) -> (..., columns of the last)."""

    def __init__(self, first: ProductCall, chain: Chain, affine: Affine) -> None:
        super().__init__()
        self.first, self.chain, self.affine = first, chain, affine

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's output."""
        y: Tensor = self.affine(self.first.through(self.chain, x))
        return y


class AnalogEmbedding(nn.Module):
    """A look-up as a product with one-hot rows: token numbers (...) -> (..., columns)."""

    def __init__(self, call: ProductCall, tokens: int) -> None:
        super().__init__()
        self.call, self.tokens = call, tokens

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows of the table."""
        return self.call(nn.functional.one_hot(x.long(), self.tokens).float())


@dataclass(frozen=True)
class BlockProducts:
    """A block-diagonal product: each call takes its share of the rows and gives its share of the columns, in order."""

    calls: tuple[ProductCall, ...]
    rows: tuple[int, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product of x (..., sum of rows)."""
        if len(self.calls) == 1:
            return self.calls[0](x)
        parts = torch.split(x, list(self.rows), dim=-1)
        return torch.cat([call(part) for call, part in zip(self.calls, parts, strict=True)], dim=-1)


def gathered(matrices: Sequence[Tensor], block: tuple[int, int]) -> list[Tensor]:
    """Return matrices of one size as block-diagonal ones of at most `block` rows and columns, in order."""
    rows, columns = matrices[0].shape
    together = max(1, min(block[0] // rows, block[1] // columns))
    firsts = range(0, len(matrices), together)
    if len(matrices) == 1:
        return list(matrices)
    diagonal: Callable[..., Tensor] = torch.block_diag
    return [diagonal(*matrices[first : first + together]) for first in firsts]
