"""The keyword report: complete, self-contained, and graceful where the result lacks something."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from pcmesh.reporting import render_kws
from pcmesh.reporting.pages.kws import steps_text
from tests.reporting.sample import kws_result

VOID = {"meta", "br", "link", "img"}


class _Nesting(HTMLParser):
    """Checks that every element that opens closes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    return render_kws(json.loads(json.dumps(kws_result(classes=12))))


def test_every_part_of_the_result_is_shown(page: str) -> None:
    for text in ("86.14 %", "86.75 %", "85.88 %", "85.90 % to 86.40 %", "2,400 ns", "8 steps of 300 ns", "99.00 %"):
        assert text in page
    for question in ("confused", "written", "drift", "in a frame", "How exact"):
        assert question in page
    assert page.count("<svg") == 5


def test_steps_of_unequal_length_are_told_as_they_are() -> None:
    result = kws_result()
    assert steps_text(result) == "8 steps of 300 ns"
    for step in result["figures"]["schedule"][1:]:
        step["begin_ns"] -= 150
    assert steps_text(result | {"frame_interval_ns": 2250}) == "8 steps of 150 or 300 ns"
    assert '<td class="n">150</td>' in render_kws(result)


def test_page_is_well_formed_and_fetches_nothing(page: str) -> None:
    parser = _Nesting()
    parser.feed(page)
    assert parser.open == []
    assert "<script" not in page
    for attribute in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert attribute.startswith(("#", "data:")), attribute
    assert not re.search(r"url\((?!#)|@import", page)


def test_every_table_of_synthetic_figures_says_so(page: str) -> None:
    captions = re.findall(r"<caption>(.*?)</caption>", page)
    measured = [caption for caption in captions if not caption.startswith(("Configuration", "The 8 time steps"))]
    assert len(measured) == 4
    assert all("synthetic speech" in caption for caption in measured)


def test_recorded_speech_is_not_called_synthetic() -> None:
    result = kws_result() | {"data": {"kind": "real", "source": "folder", "split": "test"}}
    assert "synthetic" not in render_kws(result)


@pytest.mark.parametrize("missing", ["drift", "scatter", "programming", "schedule", "confusion_chip", "class_names"])
def test_a_missing_figure_is_left_out(missing: str) -> None:
    result = kws_result()
    del result["figures"][missing]
    assert "86.14 %" in render_kws(result)


def test_no_figures_and_unknown_values() -> None:
    result: dict[str, Any] = kws_result() | {"figures": {}, "analog_yield": None}
    result["chip_accuracy"]["ci95"] = None
    points = [{"time_s": time_s, "accuracy": 0.8, "accuracy_recalibrated": None} for time_s in (0.0, 20.0)]
    result["figures"] = {"drift": points}
    assert "What does drift do?" in render_kws(result)
    result["figures"] = {"drift": points[:1]}
    assert "What does drift do?" not in render_kws(result)
    del result["figures"]
    page = render_kws(result)
    assert "<svg" not in page
    assert "95 % interval" not in page


def test_failing_chip_is_answered_no() -> None:
    result = kws_result()
    result["chip_accuracy"]["mean"] = 0.84
    assert "No: the chip recognises" in render_kws(result)


def test_same_result_same_page() -> None:
    assert render_kws(kws_result()) == render_kws(kws_result())


def test_text_of_a_result_is_escaped() -> None:
    result = kws_result()
    result["data"]["source"] = "<b>folder & co</b>"
    assert "&lt;b&gt;folder &amp; co" in render_kws(result)
