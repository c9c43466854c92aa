"""The training pool made by another process while this one learns."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch

from pcmesh.recipes.rnnt.pool import Pool, PoolConfig, Shard


class PoolBeside(Pool):
    """A pool that waits for shards still being made; errors of the other process come up in `shard`."""

    def __init__(self, config: PoolConfig, folder: Path, coming: dict[int, Future[None]]) -> None:
        super().__init__(config, folder)
        self._coming = coming

    def shard(self, number: int) -> Shard:
        """Return a shard, as soon as it is made."""
        if number in self._coming:
            self._coming.pop(number).result()
        return super().shard(number)


@contextmanager
def pool_beside(config: PoolConfig, folder: Path, shards: int) -> Iterator[PoolBeside]:
    """Yield the pool while one process makes the first so many shards, in order, as far as they are missing.

    Raises:
        InputError: the folder holds shards of another recipe.
    """
    known = Pool(config, folder)
    missing = [number for number in range(shards) if not known.has(number)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_start, initargs=(config, folder)) as executor:
        try:
            yield PoolBeside(config, folder, {number: executor.submit(_make, number) for number in missing})
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


_pool: Pool | None = None


def _start(config: PoolConfig, folder: Path) -> None:
    global _pool  # the process reads its sources once
    torch.set_num_threads(1)
    _pool = Pool(config, folder)


def _make(number: int) -> None:
    assert _pool is not None
    _pool.make(number)
