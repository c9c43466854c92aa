"""Which rows of a product belong to which sample: seen by changing one sample of a small batch after the other.

Whatever a network does to its batch (merges it with positions, transposes it, runs over it) shows in the rows that
change with a sample. Where it does not show for sure, a layer's noise belongs to the whole call, and a warning says so.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from pcmesh.network.examples import Examples
from pcmesh.network.products import ProductRuntime, SoftwareProducts
from pcmesh.network.samples import Attribution, Rows, SampleAxis, Use

_SAMPLES = 3
"""Samples of the small batch: enough to tell slowest, fastest and between from one another."""

_Whose = SampleAxis | Literal["given", "nobody's"]


def attribute(module: nn.Module, runtime: ProductRuntime, examples: Examples, any_batch: bool) -> tuple[str, ...]:
    """Find out which rows belong to which sample, tell it to the runtime, and return warnings.

    Args:
        module: the captured network.
        runtime: carries its products.
        examples: what it is called with.
        any_batch: whether it takes batches of any size.
    """
    if examples.batch_dim is None:
        return ()
    found: dict[Use, set[_Whose | None]] = defaultdict(set)
    for trial in _trials(module, runtime, examples, any_batch):
        for use, whose in trial.whose().items():
            found[use].add(whose)
    unsure = dict.fromkeys(use[0] for use, entries in found.items() if None in entries or len(entries) > 1)
    runtime.attribution = Attribution.of(
        {use: None if use[0] in unsure else next(iter(entries)) for use, entries in found.items()}
    )
    return tuple(
        f"layer {name}: which of its vectors belong to which sample is not certain: their noise belongs to the whole "
        "call, so that a sample's result depends on what else is in its batch"
        for name in unsure
    )


class _Seen(NamedTuple):
    """Rows of one use in one run: the input's leading shape, a hash of each row, whose the network says they are."""

    leading: tuple[int, ...]
    rows: Tensor
    given: Rows | None

    def alike(self, other: _Seen) -> bool:
        """Return whether rows can be compared one by one: a sample of another length moves packed rows of others."""
        if self.given is None or other.given is None:
            return self.leading == other.leading and self.given is other.given
        return torch.equal(self.given.owners, other.given.owners)


@dataclass
class _Watch:
    """Keeps the rows of every use of a matrix in one run."""

    uses: dict[Use, _Seen] = field(default_factory=dict)

    def __call__(self, use: Use, leading: Sequence[int], x: Tensor, given: Rows | None) -> None:
        bits = x.detach().to(torch.float32).contiguous().view(torch.int32).to(torch.int64)
        factors = (torch.arange(x.shape[1]) * 2_654_435_761 + 12_345) | 1
        self.uses[use] = _Seen(tuple(leading), (bits * factors).sum(1), given)


@dataclass(frozen=True)
class _Trial:
    """Runs of a small batch: as it is, with some samples changed, and with fewer samples."""

    batch: int
    plain: Mapping[Use, _Seen]
    changed: Mapping[int, Sequence[Mapping[Use, _Seen]]]
    fewer: Mapping[Use, _Seen] | None

    def whose(self) -> dict[Use, _Whose | None]:
        """Return whose rows every use has; None where that is not sure."""
        return {use: self._of(use, seen) for use, seen in self.plain.items()}

    def _of(self, use: Use, seen: _Seen) -> _Whose | None:
        if self.batch == 1:
            return "given" if seen.given is not None else SampleAxis(0)
        flags = {sample: self._differing(use, seen, runs) for sample, runs in self.changed.items()}
        owners = torch.full_like(seen.rows, -1)
        for sample, differing in flags.items():
            if bool((owners[differing] >= 0).any()):
                return None  # rows of several samples
            owners[differing] = sample
        if seen.given is not None:
            return "given" if bool(((owners < 0) | (owners == seen.given.owners)).all()) else None
        if bool((owners >= 0).any()):
            return _layout(seen.leading, owners, self.batch)
        return self._of_size(use, seen)

    def _differing(self, use: Use, seen: _Seen, runs: Sequence[Mapping[Use, _Seen]]) -> Tensor:
        """Return which rows another value of a sample changes."""
        differing = torch.zeros(len(seen.rows), dtype=torch.bool)
        for run in runs:
            if use in run and run[use].alike(seen):
                differing |= run[use].rows != seen.rows
        return differing

    def _of_size(self, use: Use, seen: _Seen) -> _Whose | None:
        """Return whose rows a use has that no sample changes: those of a dimension that is as large as the batch."""
        less = None if self.fewer is None or use not in self.fewer else self.fewer[use].leading
        if less == seen.leading:
            return "nobody's"
        dims = [dim for dim, size in enumerate(seen.leading) if size == self.batch]
        if less is not None and len(less) == len(seen.leading):
            dims = [dim for dim in dims if less[dim] == self.batch - 1]
        return SampleAxis(dims[0]) if len(dims) == 1 else None


def _layout(leading: Sequence[int], owners: Tensor, batch: int) -> SampleAxis | None:
    """Return the only layout in which rows have these owners (-1: unknown), or None."""
    known = torch.nonzero(owners >= 0).flatten()
    layouts = _possible(leading, batch)
    fitting = [axis for axis, after in layouts if bool((known // after % batch == owners[known]).all())]
    return fitting[0] if len(fitting) == 1 else None


def _possible(leading: Sequence[int], batch: int) -> Iterator[tuple[SampleAxis, int]]:
    """Yield the layouts that rows can have, and how many rows count faster than the samples."""
    for dim, size in enumerate(leading):
        if size % batch:
            continue
        each, after = size // batch, math.prod(leading[dim + 1 :])
        yield SampleAxis(dim), each * after
        for behind in range(1, each):
            if each % behind == 0:
                yield SampleAxis(dim, behind, None if behind == 1 else each), behind * after


def _trials(module: nn.Module, runtime: ProductRuntime, examples: Examples, any_batch: bool) -> Iterator[_Trial]:
    """Yield a trial of a small batch, and one of the same in the opposite order (a network may sort its samples)."""

    def run(given: Examples) -> dict[Use, _Seen]:
        watch = _Watch()
        with torch.no_grad(), runtime.computing(SoftwareProducts(runtime.weights), watch=watch):
            module(*given.args, **given.kwargs)
        return watch.uses

    small = _of_size(examples, _SAMPLES)
    if not any_batch or _tried(run, small) is None:
        small = examples
    batch = small.size
    order = torch.arange(batch - 1, -1, -1)
    turned = small.apply(lambda leaf: leaf.index_select(small.batch_dim, order))
    for given in (small, turned) if batch > 1 else (small,):
        plain = _tried(run, given)
        if plain is None:
            continue
        changed = {
            sample: [seen for kind in ("numbers", "tokens") if (seen := _tried(run, _changed(given, sample, kind)))]
            for sample in sorted({0, batch // 2, batch - 1})
        }
        fewer = _tried(run, _of_size(given, batch - 1)) if any_batch and batch > 1 else None
        yield _Trial(batch, plain, changed, fewer)


def _tried(run: Callable[[Examples], dict[Use, _Seen]], given: Examples) -> dict[Use, _Seen] | None:
    """Return what a run showed; None where the network does not take such inputs."""
    try:
        return run(given)
    except Exception:
        return None


def _of_size(examples: Examples, size: int) -> Examples:
    """Return as many of the samples, repeated where there are not enough."""
    number = torch.arange(size) % examples.size
    return replace(examples.apply(lambda leaf: leaf.index_select(examples.batch_dim, number)), size=size)


def _changed(examples: Examples, sample: int, kind: Literal["numbers", "tokens"]) -> Examples:
    """Return the examples with another value of one sample, in its floating-point numbers or in its integers."""

    def change(leaf: Tensor) -> Tensor:
        changed = leaf.clone()
        own = changed.select(examples.batch_dim or 0, sample)
        if leaf.is_floating_point() and kind == "numbers":
            own.copy_((own.flip(-1) if own.dim() else own) * 0.7 + 0.37)
        elif not leaf.is_floating_point() and not leaf.is_complex() and leaf.dtype != torch.bool and kind == "tokens":
            low, high = int(leaf.min()), int(leaf.max())
            own.copy_(low + (own - low + 1) % max(high - low + 1, 1))
        return changed

    return examples.apply(change)
