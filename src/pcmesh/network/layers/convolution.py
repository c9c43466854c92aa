"""Convolutions as products of unfolded patches, and transposed ones as products that are added where they overlap."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pcmesh.network.layers.linear import Affine


@dataclass(frozen=True)
class ConvolutionShape:
    """Geometry of a convolution, one figure for each spatial dimension."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    padding_end: tuple[int, ...]
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...] = ()
    groups: int = 1

    @property
    def dims(self) -> int:
        """Number of spatial dimensions."""
        return len(self.kernel)


def unfold(x: Tensor, shape: ConvolutionShape) -> tuple[Tensor, tuple[int, ...]]:
    """Return patches (N, positions, channels · kernel) of x (N, channels, *spatial), and the output's spatial shape."""
    pads = [p for pair in zip(reversed(shape.padding), reversed(shape.padding_end), strict=True) for p in pair]
    if any(pads):
        x = F.pad(x, pads)
    if type(x) is Tensor and x.is_cpu:
        index, rows, places = _gathering(tuple(x.shape[1:]), shape)
        return x.reshape(x.shape[0], -1).index_select(1, index).view(x.shape[0], -1, rows), places
    return _windows(x, shape)


def _windows(x: Tensor, shape: ConvolutionShape) -> tuple[Tensor, tuple[int, ...]]:
    for dim in range(shape.dims):
        reach = (shape.kernel[dim] - 1) * shape.dilation[dim] + 1
        x = x.unfold(2 + dim, reach, shape.stride[dim])[..., :: shape.dilation[dim]]
    places = tuple(x.shape[2 : 2 + shape.dims])
    order = [0, *range(2, 2 + shape.dims), 1, *range(2 + shape.dims, 2 + 2 * shape.dims)]
    rows = x.shape[1]
    for size in shape.kernel:
        rows *= size
    return x.permute(order).reshape(x.shape[0], -1, rows), places


@lru_cache(maxsize=16)
def _gathering(size: tuple[int, ...], shape: ConvolutionShape) -> tuple[Tensor, int, tuple[int, ...]]:
    """Return where in a padded sample its patches are (six times as fast as windows), and their sizes."""
    numbers = torch.arange(math.prod(size), dtype=torch.int32).view(1, *size)
    patches, places = _windows(numbers, shape)
    return patches.flatten(), patches.shape[2], places


class AnalogConvolution(nn.Module):
    """A convolution: every position of the output is one product of the patch below it."""

    def __init__(self, products: Callable[[Tensor], Tensor], affine: Affine, shape: ConvolutionShape) -> None:
        super().__init__()
        self.products, self.affine, self.shape = products, affine, shape

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output (N, columns, *places); without a batch where x has none."""
        single = x.dim() == self.shape.dims + 1
        patches, places = unfold(x[None] if single else x, self.shape)
        y = self.affine(self.products(patches)).transpose(1, 2)
        y = y.reshape(y.shape[0], y.shape[1], *places)
        found: Tensor = y[0] if single else y
        return found


class AnalogTransposedConvolution(nn.Module):
    """A transposed convolution: every input position is one product; overlapping outputs are added digitally."""

    spread: Tensor

    def __init__(
        self, products: Callable[[Tensor], Tensor], affine: Affine, shape: ConvolutionShape, columns: int
    ) -> None:
        super().__init__()
        self.products, self.affine, self.shape = products, affine, shape
        places = 1
        for size in shape.kernel:
            places *= size
        ones = torch.eye(places).reshape(places, 1, *shape.kernel).repeat(columns, 1, *([1] * shape.dims))
        self.register_buffer("spread", ones, persistent=False)
        self.columns = columns

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output (N, columns, *places); without a batch where x has none."""
        s = self.shape
        single = x.dim() == s.dims + 1
        x = x[None] if single else x
        spatial = x.shape[2:]
        y = self.products(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape[0], -1, *spatial)
        kind = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[s.dims - 1]
        added = kind(y, self.spread.to(y.dtype), None, s.stride, s.padding, s.output_padding, self.columns, s.dilation)
        out: Tensor = self.affine(added.movedim(1, -1)).movedim(-1, 1)
        return out[0] if single else out
