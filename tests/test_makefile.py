"""The targets of the Makefile: each is explained, and a machine without a fit Python is told so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_every_target() -> None:
    targets = re.findall(r"^\.PHONY: ([\w-]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = re.findall(r"^make ([\w-]+) ", _make().stdout, re.MULTILINE)
    assert sorted([*shown, "help"]) == sorted(targets)


def test_no_fit_python_is_said_plainly(tmp_path: Path) -> None:
    outcome = _make("demo", f"VENV={tmp_path / 'venv'}", "PYTHON=false")
    assert outcome.returncode != 0
    assert "pcmesh needs Python 3.11 or later" in outcome.stderr
    assert not (tmp_path / "venv").exists()


def test_continuous_integration_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    assert "make test" in script.read_text()
