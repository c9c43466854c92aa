"""The report of a compiled network: floorplan, routes, time diagram, words."""

from __future__ import annotations

import re

import pytest

from pcmesh.mapping import Phase
from pcmesh.reporting import render_compiled, schedule_words
from pcmesh.reporting.drawings.floorplan import layer_colours, tint
from pcmesh.reporting.drawings.timeline import timeline
from pcmesh.reporting.drawings.words import number_ranges, phase_words
from tests.reporting.compiled_sample import CHIP, keyword_compiled, keyword_mapping


def _texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.fixture(scope="module")
def page() -> str:
    return render_compiled(CHIP, *keyword_compiled())


def test_page_names_tiles_layers_and_times(page: str) -> None:
    for text in ("4 tiles on 1 chip", "4 of 34", "2,700", "2,400", "shared capacitors", "3,170,304"):
        assert text in page
    assert page.count("<svg") == 3
    assert "<script" not in page


def test_floorplan_says_what_each_tile_holds(page: str) -> None:
    texts = _texts(page)
    for number in (13, 18, 24, 31):
        assert f"tile {number}" in texts
    for text in ("rows 512-1023", "cols 0-11", "OLP", "NW"):
        assert text in texts


def test_routes_have_a_panel_per_step(page: str) -> None:
    texts = _texts(page)
    assert [text for text in texts if text.startswith("Step")] == [f"Step {n}" for n in range(1, 10)]
    assert "layer2[0:12] to OLP SW" in texts


def test_time_diagram_merges_tiles_that_do_the_same() -> None:
    mapping, _, routing = keyword_compiled()
    texts = _texts(timeline(CHIP, mapping, routing.chips[0]))
    assert "tiles 13, 18" in texts
    assert "next frame begins" in texts
    assert texts.count("ramp, relu") == 4


def test_words_of_a_frame() -> None:
    mapping, _, routing = keyword_compiled()
    steps = schedule_words(CHIP, mapping, routing.chips[0])
    assert [entry["step"] for entry in steps] == list(range(1, 10))
    assert steps[1]["activities"] == [
        "ILP CW features[0:512]- to tile 13",
        "ILP SW features[512:1024]- to tile 18",
        "layer0 integrates on tiles 13, 18 (WP1 - x<0)",
    ]


@pytest.mark.parametrize(
    ("phase", "words"),
    [(Phase((1, 2), 1, "positive"), "WP1+WP2 + x>0"), (Phase((2,), -1, "negative"), "WP2 - x<0")],
)
def test_phase_words(phase: Phase, words: str) -> None:
    assert phase_words(phase) == words


def test_colours_are_the_same_in_every_drawing() -> None:
    colours = layer_colours(keyword_mapping())
    assert len(set(colours.values())) == 3
    assert tint("#000000") == "#adadad"


def test_number_ranges() -> None:
    assert number_ranges([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"
