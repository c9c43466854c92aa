"""`pcmesh explain`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Program
from tests.reporting.sample import kws_result


def test_a_folder_is_explained(program: Program, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(kws_result()))
    outcome = program("explain", tmp_path, "--json", tmp_path / "why.json")
    assert (outcome.code, outcome.err) == (0, "")
    assert "the result does not hold its chip" in outcome.out
    assert "pcmesh sensitivity kws" in outcome.out
    found = json.loads((tmp_path / "why.json").read_text())
    assert found["imperfections"] == []
    assert found["findings"]
