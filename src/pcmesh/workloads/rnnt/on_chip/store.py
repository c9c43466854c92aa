"""Intermediate results on disk, so that a run that was cut off goes on at the layer where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pcmesh.files.writing import whole_file


@dataclass(frozen=True)
class Store:
    """A folder of blocks of tensors; what is in it is whole."""

    folder: Path

    def load(self, step: str, block: int) -> list[Tensor] | None:
        """Return the tensors of a block after a step, or None where they are not there."""
        try:
            found = load_file(self._path(step, block))
        except (OSError, SafetensorError):
            return None
        return [found[str(number)] for number in range(len(found))]

    def save(self, step: str, block: int, tensors: Sequence[Tensor]) -> None:
        """Keep a block; InputError names the file where the disk is full."""
        with whole_file(self._path(step, block)) as temporary:
            save_file({str(number): tensor for number, tensor in enumerate(tensors)}, temporary)

    def clear(self) -> None:
        """Remove everything that is kept: the results are known."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, step: str, block: int) -> Path:
        return self.folder / step / f"{block:05d}.safetensors"
