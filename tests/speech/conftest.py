"""Where the public recordings are, for the tests that hear real speech."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DEFAULT = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def recordings() -> Path:
    folder = Path(os.environ.get("PCMESH_DATA", DEFAULT)) / "gsc_test"
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder} (set PCMESH_DATA)")
    return folder
