"""Which sample of a batch each row of a matrix product belongs to, so that its noise does not depend on the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pcmesh.physics.normal import mix_tensor

_SITE_BITS = 40


class SampleAxis(NamedTuple):
    """Where the samples are in a tensor of rows.

    dim: the dimension that holds them. inner: whether that dimension, if it is a multiple of the batch, counts samples
    fastest (positions times samples, as nn.MultiheadAttention lays them out), else slowest.
    """

    dim: int
    inner: bool = False


class Rows(NamedTuple):
    """Rows one by one, where samples have different numbers of them (packed sequences).

    owners: (rows,) int64, number of the sample. positions: (rows,) int64, place in the sample. batch: samples.
    """

    owners: Tensor
    positions: Tensor
    batch: int


def row_keys(
    samples: Tensor,
    shared: Tensor,
    leading: Sequence[int],
    axis: SampleAxis | Rows | None,
    site: int,
    step: int = 0,
) -> Tensor:
    """Return a noise key for every row of a product.

    Args:
        samples: (B,) int64 keys of the samples.
        shared: (1,) key of rows that belong to no sample.
        leading: the input's shape without its last dimension (the rows of the matrix).
        axis: where the samples are; None where the rows belong to no sample.
        site: number of the call in the network: a matrix used twice draws new noise.
        step: time step of a recurrent layer.

    Returns:
        (product of `leading`,) int64.
    """
    count = 1
    for size in leading:
        count *= size
    positions = torch.arange(count, device=samples.device)
    batch = len(samples)
    if isinstance(axis, Rows):
        keys, positions = (samples[axis.owners], axis.positions) if axis.batch == batch else (shared, positions)
    elif axis is not None and batch > 0 and leading[axis.dim] % batch == 0:
        after = 1
        for size in leading[axis.dim + 1 :]:
            after *= size
        size = leading[axis.dim]
        each = size // batch
        outer, rest = positions // (size * after), positions % (size * after)
        place, behind = rest // after, rest % after
        owners, own = (place % batch, place // batch) if axis.inner else (place // each, place % each)
        positions = (outer * each + own) * after + behind
        keys = samples[owners]
    else:
        keys = shared.expand(count)
    return mix_tensor(keys, positions + (site << _SITE_BITS) + (step << (_SITE_BITS // 2)))
