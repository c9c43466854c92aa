"""Which sample of a batch each row of a matrix product belongs to, so that its noise does not depend on the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor

from pcmesh.physics.normal import mix, mix_tensor

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
    base = (site << _SITE_BITS) + (step << (_SITE_BITS // 2))
    batch = len(samples)
    if isinstance(axis, Rows) and axis.batch == batch:
        return mix_tensor(samples[axis.owners], axis.positions + base)
    whose, order = samples, SampleAxis(0)
    if isinstance(axis, SampleAxis) and batch > 0 and leading[axis.dim] % batch == 0:
        order = axis
    else:  # all rows are one owner's
        whose, leading = shared, (math.prod(leading),)
    size, after = leading[order.dim], math.prod(leading[order.dim + 1 :])
    out = torch.empty(math.prod(leading), dtype=torch.int64)
    _fill(whose.cpu().numpy().view(np.uint64), size, after, order.inner, np.uint64(base), out.numpy().view(np.uint64))
    return out.to(samples.device)


@numba.njit(error_model="numpy", cache=True)
def _fill(samples, size, after, inner, base, out):  # type: ignore[no-untyped-def]
    """Fill the keys of rows (before, size, after), `size` the dimension that holds the samples."""
    batch = samples.shape[0]
    each = size // batch
    for row in range(out.shape[0]):
        before, rest = divmod(row, size * after)
        place, behind = divmod(rest, after)
        owner, own = (place % batch, place // batch) if inner else (place // each, place % each)
        position = (before * each + own) * after + behind
        out[row] = mix(samples[owner], np.uint64(position) + base)
