"""docs/kws.md describes the result, README.md shows what pcmesh kws prints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pcmesh.workloads.kws import experiment
from tests.cli.conftest import Program, program  # noqa: F401  (a fixture)
from tests.reporting.sample import kws_result

ROOT = Path(__file__).parents[2]


def test_every_key_of_the_result_is_described() -> None:
    page = (ROOT / "docs" / "kws.md").read_text(encoding="utf-8")
    for key in (*kws_result(), "time_since_programming_s"):
        assert re.search(rf"`{key}[`.\[]", page), key


def test_readme_shows_the_rows_that_are_printed(
    program: Program,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def run(*_: Any) -> dict[str, Any]:
        return kws_result() | {"time_since_programming_s": 0.0}

    monkeypatch.setattr(experiment, "run_kws", run)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```console\n\$ pcmesh kws\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert block is not None
    printed = program("kws", "--out", tmp_path).out
    assert _labels(block[1]) == _labels(printed), "run: make readme"


def _labels(text: str) -> list[str]:
    """Return the fixed words at the start of each line of the first table."""
    lines = [line for line in text.splitlines() if "  " in line and not line.startswith(("Keyword", "Matrix", " "))]
    return [line.partition("  ")[0] for line in lines]
