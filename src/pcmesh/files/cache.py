"""Results of long work, kept as they come in, so that a run cut off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from pcmesh.errors import VerificationError
from pcmesh.files.writing import write_json
from pcmesh.registry import plugins
from pcmesh.versions import versions

_SOURCES = (".py", ".toml", ".safetensors")


class ResultCache:
    """Key -> plain data, one JSON file each in a folder for one configuration; any number of processes share it.

    A file that cannot be read counts as missing.

    Args:
        folder: where the configuration's folder lies; None: nothing is kept.
        configuration: all that the results depend on, beside pcmesh itself; another one has another folder.
        fresh: forget what is there.
    """

    def __init__(self, folder: Path | None, configuration: Any, fresh: bool = False) -> None:
        self._folder = None if folder is None else folder / fingerprint(configuration, code_fingerprint())
        self._kept: dict[str, Any] = {}
        for file in () if self._folder is None else sorted(self._folder.glob("*.json")):
            if fresh:
                with suppress(OSError):
                    file.unlink()
            else:
                self._kept.update(_entry(file))

    def get(self, key: str) -> Any | None:
        """Return what is kept under a key, by this process or by another one, or None."""
        if key not in self._kept and self._folder is not None:
            self._kept.update(_entry(self._file(self._folder, key)))
        return self._kept.get(key)

    def measured(self, key: str) -> Any:
        """Return what is kept under a key.

        Raises:
            VerificationError: nothing is: what was not measured has no value, least of all the best one.
        """
        value = self.get(key)
        if value is None:
            where = self._folder or "memory"
            raise VerificationError(f"no result was kept for '{key}' ({where})", "Run it again; it is measured then")
        return value

    def put(self, key: str, value: Any) -> None:
        """Keep a value, on disk at once."""
        self._kept[key] = value
        if self._folder is not None:
            write_json(self._file(self._folder, key), {"key": key, "value": value})

    def __len__(self) -> int:
        return len(self._kept)

    @staticmethod
    def _file(folder: Path, key: str) -> Path:
        return folder / f"{fingerprint(key)}.json"


def _entry(file: Path) -> dict[str, Any]:
    """Return {key: value} of a file; nothing where there is none, or it is damaged."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {found["key"]: found["value"]} if isinstance(found, dict) and found.keys() == {"key", "value"} else {}


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
    """Return 16 hexadecimal digits that stand for this pcmesh, its data, its plugins and the packages that it uses."""
    package = Path(__file__).parents[1]
    sources = sorted(path for path in package.rglob("*") if path.suffix in _SOURCES)
    return fingerprint(files_fingerprint(sources), versions(), plugins())
