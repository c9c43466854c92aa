"""Which versions made a result."""

from __future__ import annotations

import platform
from importlib import metadata

from pcmesh.version import __version__

PACKAGES = ("torch", "numpy", "scipy", "numba", "librosa", "ortools")


def versions() -> dict[str, str]:
    """Return the versions of pcmesh, Python and the packages on which figures depend; nothing is imported."""
    found = {"pcmesh": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
