"""Results of long work, kept as they come in, so that a run cut off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pcmesh
from pcmesh.files import write_json
from pcmesh.versions import versions

_SOURCES = (".py", ".toml", ".safetensors")


class ResultCache:
    """Key -> plain data, in one JSON file for one configuration; a file that cannot be read counts as empty.

    Args:
        folder: where the file lies; None: nothing is kept.
        configuration: all that the results depend on, beside pcmesh itself; another one has another file.
        fresh: forget what is there.
    """

    def __init__(self, folder: Path | None, configuration: Any, fresh: bool = False) -> None:
        self._file = None if folder is None else folder / f"{fingerprint(configuration, code_fingerprint())}.json"
        self._kept: dict[str, Any] = {} if fresh else self._read()

    def get(self, key: str) -> Any | None:
        """Return what is kept under a key, or None."""
        return self._kept.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value, on disk at once."""
        self._kept[key] = value
        if self._file is not None:
            write_json(self._file, self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def _read(self) -> dict[str, Any]:
        try:
            found = {} if self._file is None else json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def fingerprint(*parts: Any) -> str:
    """Return 16 hexadecimal digits that stand for plain data."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def files_fingerprint(paths: Iterable[Path]) -> str:
    """Return 16 hexadecimal digits that stand for the content of files, in their order."""
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def code_fingerprint() -> str:
    """Return 16 hexadecimal digits that stand for this pcmesh, its data and the packages that it computes with."""
    package = Path(pcmesh.__file__).parent
    return fingerprint(files_fingerprint(sorted(p for p in package.rglob("*") if p.suffix in _SOURCES)), versions())
