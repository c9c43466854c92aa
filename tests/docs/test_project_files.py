"""Files about the project agree with the package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pcmesh.version import __version__

ROOT = Path(__file__).parents[2]
DOI = "10.1038/s41586-023-06337-5"


def test_the_citation_has_the_version_and_the_paper() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^version: {re.escape(__version__)}$", citation, re.MULTILINE)
    assert f"doi: {DOI}" in citation


def test_contributing_names_every_folder() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## How do I add")[0]
    folders = {path.parent.name for path in (ROOT / "src" / "pcmesh").glob("*/__init__.py")}
    assert folders
    assert {name for name in folders if f"`{name}`" not in page} == set()


def test_classifiers_fit_the_supported_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = project["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {lowest}" in project["classifiers"]
    assert DOI in project["urls"]["Paper"]
