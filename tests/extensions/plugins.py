"""Packages that add to pcmesh, installed for one test: a module and a dist-info folder on the path, without pip."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"

Groups = Mapping[str, Mapping[str, str]]
"""Group of entry points -> name -> "module:attribute"."""


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    groups: Groups,
    sources: Mapping[str, str] | None = None,
) -> None:
    """Install a package with modules and entry points for the rest of a test.

    Args:
        folder: an empty or missing folder that is put on the path.
        monkeypatch: takes everything back.
        package: the distribution's name.
        groups: its entry points.
        sources: module -> source text.
    """
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [line for group, entries in groups.items() for line in (f"[{group}]", *map(" = ".join, entries.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, text in (sources or {}).items():
        (folder / f"{module}.py").write_text(text)
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()


def install_example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the package of examples/plugin for the rest of a test."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    install(folder, monkeypatch, project["name"], project["entry-points"])
    monkeypatch.syspath_prepend(EXAMPLE)
    importlib.invalidate_caches()
