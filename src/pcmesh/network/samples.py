"""Which sample of a batch each row of a matrix product belongs to, so that its noise does not depend on the batch."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor

from pcmesh.physics.normal import mix

_SITE_BITS = 40

Use = tuple[str, int, int]
"""One product in a run of a network: name of the matrix, number of its use, step."""


class SampleAxis(NamedTuple):
    """Where the samples are in a tensor of rows.

    dim: the dimension that holds them. behind: where that dimension is a multiple of the batch, how many of its
    positions count faster than the samples (1: samples are fastest, as nn.MultiheadAttention lays them out); None: all.
    each: positions of a sample in that dimension that `behind` goes with; None: any number.
    """

    dim: int
    behind: int | None = None
    each: int | None = None

    def fits(self, leading: Sequence[int], batch: int) -> bool:
        """Return whether rows of that shape, (product of `leading`,), can lie so."""
        if batch == 0 or self.dim >= len(leading) or leading[self.dim] % batch:
            return False
        return self.each is None or leading[self.dim] == self.each * batch


class Rows(NamedTuple):
    """Rows one by one, where samples have different numbers of them (packed sequences).

    owners: (rows,) int64, number of the sample. positions: (rows,) int64, place in the sample. batch: samples.
    """

    owners: Tensor
    positions: Tensor
    batch: int


Whose = SampleAxis | Literal["given", "nobody's", "unknown"] | None
"""Whose rows a use has: by a layout, as the network itself says (`Rows`), no sample's, or not to be told for sure."""


@dataclass(frozen=True)
class Attribution:
    """Whose the rows of every product of a network are.

    Attributes:
        exact: use -> whose.
        common: (name, number) and (name,) -> whose, where all uses agree: also of uses that were not seen.
    """

    exact: Mapping[Use, Whose]
    common: Mapping[tuple[str | int, ...], Whose]

    @classmethod
    def of(cls, uses: Mapping[Use, Whose]) -> Attribution:
        """Return what is known from uses that were seen."""
        alike: dict[tuple[str | int, ...], set[Whose]] = defaultdict(set)
        for (name, number, _), whose in uses.items():
            for place in ((name, number), (name,)):
                alike[place].add(whose)
        return cls(dict(uses), {place: next(iter(found)) for place, found in alike.items() if len(found) == 1})

    def renamed(self, names: Mapping[str, str]) -> Attribution:
        """Return the same for matrices of other names."""
        exact = {(names.get(name, name), number, step): w for (name, number, step), w in self.exact.items()}
        common = {(names.get(str(place[0]), place[0]), *place[1:]): w for place, w in self.common.items()}
        return Attribution(exact, common)

    def rows(self, use: Use, leading: Sequence[int], batch: int, given: Rows | None) -> SampleAxis | Rows | None:
        """Return where the samples are in rows of the shape `leading`; None: the rows are the whole call's."""
        name, number, _ = use
        wider = self.common.get((name, number), self.common.get((name,), "unknown"))
        whose = self.exact.get(use, wider)
        if whose is None or whose == "nobody's":
            return None
        if isinstance(whose, SampleAxis) and given is None and whose.fits(leading, batch):
            return whose
        if whose == "given" and given is not None and given.batch == batch:
            return given
        warnings.warn(
            f"layer {name}: the network lays its samples out otherwise than with the examples; the noise of these "
            "vectors belongs to the whole call",
            stacklevel=2,
        )
        return None


def row_keys(
    samples: Tensor, shared: Tensor, leading: Sequence[int], axis: SampleAxis | Rows | None, site: int, step: int = 0
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
    if isinstance(axis, Rows):
        own = torch.empty(len(axis.owners), dtype=torch.int64)
        keys, filled = (tensor.cpu().numpy().view(np.uint64) for tensor in (samples, own))
        _fill_owned(keys, axis.owners.numpy(), axis.positions.numpy(), np.uint64(base), filled)
        return own.to(samples.device)
    rows, whose = math.prod(leading), samples
    if axis is None:
        axis, whose, leading = SampleAxis(0), shared, (rows,)
    size, after = leading[axis.dim], math.prod(leading[axis.dim + 1 :])
    behind = max(size // len(whose) if axis.behind is None else axis.behind, 1)
    out = torch.empty(rows, dtype=torch.int64)
    _fill(whose.cpu().numpy().view(np.uint64), size, after, behind, np.uint64(base), out.numpy().view(np.uint64))
    return out.to(samples.device)


def row_owners(leading: Sequence[int], axis: SampleAxis | Rows | None, batch: int) -> Tensor | None:
    """Return the number of the sample of each row (product of `leading`,) int64; None where all are one owner's.

    Args:
        leading, axis: as for `row_keys`.
        batch: samples.
    """
    if isinstance(axis, Rows):
        return axis.owners
    if axis is None:
        return None
    size, after = leading[axis.dim], math.prod(leading[axis.dim + 1 :])
    behind = max(size // batch if axis.behind is None else axis.behind, 1)
    owners = torch.arange(size) % (batch * behind) // behind
    return owners[:, None].expand(math.prod(leading[: axis.dim]), size, after).reshape(-1)


@numba.njit(error_model="numpy", cache=True)
def _fill(samples, size, after, behind, base, out):  # type: ignore[no-untyped-def]
    """Fill the keys of rows (before, size, after); `behind` positions in `size` count faster than the samples."""
    batch = samples.shape[0]
    each = size // batch
    for row in range(out.shape[0]):
        before, rest = divmod(row, size * after)
        place, last = divmod(rest, after)
        slow, fast = divmod(place, batch * behind)
        owner, own = divmod(fast, behind)
        position = (before * each + slow * behind + own) * after + last
        out[row] = mix(samples[owner], np.uint64(position) + base)


@numba.njit(error_model="numpy", cache=True)
def _fill_owned(samples, owners, positions, base, out):  # type: ignore[no-untyped-def]
    """Fill the keys of rows of which each has its sample's number and its place in it."""
    for row in range(out.shape[0]):
        out[row] = mix(samples[owners[row]], np.uint64(positions[row]) + base)
