"""Mappings by tiles, energy and errors: the front, the table, the picture; the keyword network's mappings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pcmesh.analysis.front import Point, by_tiles, on_front
from pcmesh.reporting.drawings.pareto import PAPER, pareto_figure, pareto_table
from pcmesh.studies.mappings.kws import load_keywords, measure_mappings

POINTS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=8)


@given(POINTS)
def test_the_front_beats_every_other_point(numbers: list[tuple[int, int, int]]) -> None:
    points = [Point("x", {}, tiles, float(energy), (error / 10,)) for tiles, energy, error in numbers]
    front = [point for point in points if on_front(point, points)]
    assert front
    for point in points:
        beaten = any(f.tiles <= point.tiles and f.energy_j <= point.energy_j and f.error <= point.error for f in front)
        assert beaten


def test_table_and_picture_show_every_point() -> None:
    points = by_tiles(
        [
            Point("wide", {"a": "AB"}, 4, 2e-6, (0.10, 0.12), (PAPER,)),
            Point("narrow", {"a": "2-PCM"}, 2, 1e-6, (0.2, 0.2), ("least loss, 2 tiles",)),
            Point("worse", {"a": "4-PCM"}, 4, 3e-6, (0.2, 0.3)),
        ]
    )
    found = [point.as_json(points) for point in points]
    lines = pareto_table(found, "word error rate", "an utterance").splitlines()
    assert lines[2] == "| narrow | 2 | 1000 nJ | 20.00 % | 20.00 to 20.00 | yes | least loss, 2 tiles |"
    assert lines[4].split("|")[6].strip() == ""
    picture = pareto_figure(found, "word error rate", "an utterance", 0.08)
    assert picture.count("the paper") >= 1
    assert "on the front" in picture


def test_all_mappings_of_the_keyword_network() -> None:
    keywords = load_keywords(None, 40)
    assert keywords.features.shape[1:] == (49, 40)
    ways = [("AB", "AB", "AB"), ("2-PCM", "2-PCM", "4-PCM")]
    points = measure_mappings(keywords, 1, {4: ways[0]}, lambda _: ways)
    assert [point.tiles for point in points] == [3, 4]
    assert points[1].marks == (PAPER, "least loss, 4 tiles")
    assert all(point.error < 0.5 and point.energy_j > 0 for point in points)
