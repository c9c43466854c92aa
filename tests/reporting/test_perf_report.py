"""The report of time and energy shows a result of every network."""

from __future__ import annotations

import json

import pytest

from pcmesh.reporting import render_perf
from pcmesh.studies.performance import PerfOptions, run_performance
from pcmesh.workloads.rnnt.compiled.speech_load import LoadOptions
from tests.reporting.test_kws_report import _Nesting


@pytest.fixture(scope="module")
def page() -> str:
    result = run_performance(PerfOptions(network="kws", load=LoadOptions(utterances=10)), None)
    return render_perf(json.loads(json.dumps(result)))


def test_page_is_well_formed_and_fetches_nothing(page: str) -> None:
    parser = _Nesting()
    parser.feed(page)
    assert parser.open == []
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_it_says_what_was_asked(page: str) -> None:
    for text in ("How fast is kws", "Where does the energy go", "fitted", "TOPS/W", "10 samples"):
        assert text in page
    assert page.count("<svg") == 4
