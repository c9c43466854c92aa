"""pcmesh paper, from the command line to the report; figures from plain data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pcmesh.hardware import load_chip
from pcmesh.reporting.claims import deviation_text, value_text
from pcmesh.reporting.pages.paper import render_paper
from pcmesh.studies.paper.figures.shapes import bars, lines, means
from tests.cli.conftest import Program
from tests.reporting.compiled_sample import keyword_compiled

VOLTAGES = {
    "kind": "voltages",
    "time_ns": [0.0, 300.0, 600.0, 900.0],
    "columns": [{"column": 3, "volts": [0.0, 0.1, 0.1, 0.1], "ramp_volts": [-0.4, 0.4], "pulse_ns": 150.0}],
    "integrations": [["+x on WP1", 0.0, 300.0]],
    "ramp_ns": [600.0, 855.0],
}


def test_claims_alone_from_command_to_report(program: Program, tmp_path: Path) -> None:
    outcome = program("paper", "--only", "38,54,16", "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    assert max(map(len, outcome.out.splitlines())) <= 100
    assert "17,825,792" in outcome.out
    assert "3 claims: 1 computed, 1 input, 1 quoted" in outcome.out
    result = json.loads((tmp_path / "result.json").read_text())
    keys = {"id", "claim", "paper", "ours", "unit", "how", "deviation", "command"}
    assert all(keys <= row.keys() for row in result["claims"])
    assert "17,825,792" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("numbers", ["a", "1,,2", "0", "1,99"])
def test_numbers_that_are_no_claims_are_refused(numbers: str, program: Program, tmp_path: Path) -> None:
    outcome = program("paper", "--only", numbers, "--out", tmp_path)
    assert outcome.code == 2
    assert outcome.err.startswith("error: --only")
    assert not list(tmp_path.iterdir())


def test_values_and_deviations_are_written_for_people() -> None:
    assert value_text(45_261_568.0) == "45,261,568"
    assert value_text([2.4, 8.0]) == "2.4, 8"
    assert value_text((5, 3), "<=") == "≤ 5, 3"
    assert value_text(None) == "-"
    assert value_text(8e-5) == "8e-05"
    row = {"agrees": None, "deviation": None}
    assert deviation_text(row) == "-"
    assert deviation_text(row | {"deviation": 0.0123}) == "+1.2 %"
    assert deviation_text(row | {"deviation": 3.8e-5}) == "+0.004 %"
    assert deviation_text(row | {"deviation": 1e-12}) == "0"
    assert deviation_text(row | {"agrees": False}) == "differs"


def test_report_draws_every_kind_of_figure() -> None:
    chip, (mapping, placement, routing) = load_chip(), keyword_compiled()
    plan: dict[str, Any] = {
        "chip": chip.model_dump(mode="json"),
        "index": 0,
        "mapping": mapping.model_dump(mode="json"),
        "placement": placement.model_dump(mode="json"),
        "schedule": routing.chips[0].model_dump(mode="json"),
    }
    data = [
        lines("x", "y", {"a": ([1, 2], [3.0, 4.0])}, log=True, mark=2),
        lines("x", "y", {"a": ([1, 2], [3.0, 4.0])}, step=True),
        bars("share", ["one", "two"], {"ours": [1.0, 2.0], "paper": [1.0, 3.0]}),
        {"kind": "heat", "x": "window", "y": "coefficient", "values": [[0.0, 1.0], [2.0, -1.0]]},
        lines("x", "y", {}, levels={"software": 3.0}) | {"curves": {"a": [[1, 2], [3.0, 4.0], [[2.0, 4.0], [3, 5]]]}},
        means("y", {"one": [1.0, 2.0], "two": [3.0, 3.5]}, {"software": 1.0}),
        {"kind": "spreads", "programming": [{"chip": 1, "pair": 1, "spread_1_99": 0.1, "analog_yield": 0.99}]},
        {"kind": "error_histograms", "layers": [{"name": "a", "mac_sigma": 0.1, "error_histogram": [0.1, 0.8, 0.1]}]},
        VOLTAGES,
        *({"kind": kind, **plan} for kind in ("floorplan", "routes", "timeline")),
    ]
    made = {"title": "made", "described": "three words", "command": ""}
    said = {"file": "a", "reference": "one two", "software": "one two", "chip": "one <too>"}
    table = {"kind": "sentences", "utterances": [said], "different": 1, "of": 7}
    figures = [{"name": str(n), "data": one, **made} for n, one in enumerate([*data, table])]
    figures.append({"name": "9", "title": "not made", "data": None, "described": "", "command": "pcmesh paper --full"})
    also = {"label": "another network: rnnt-small", "value": 9.0, "how": "computed", "note": ""}
    claim = {
        "id": 1,
        "claim": "Tiles",
        "section": "Chip",
        "paper": 34,
        "ours": 34,
        "unit": "tiles",
        "how": "computed",
        "relation": "=",
        "deviation": 0.0,
        "agrees": None,
        "note": "by mapping",
        "also": [also],
        "command": "pcmesh paper --quick --only 1",
    }
    result = {"claims": [claim], "figures": figures, "by_kind": {"computed": 1}, "mode": "quick", "chip": "nature2023"}
    page = render_paper(result | {"configuration": {}})
    assert page.count("<svg") == len(data)
    assert "pcmesh paper --full" in page
    assert "three words" in page
    assert "<mark>&lt;too&gt;</mark>" in page
    assert "1 of 7 sentences differ" in page
    assert "another network: rnnt-small" in page
