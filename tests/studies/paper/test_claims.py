"""The paper's claims: the table, how deviations are told, running some of them, going on after a stop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcmesh.errors import InputError
from pcmesh.studies.paper import run as running
from pcmesh.studies.paper.answers import all_answers
from pcmesh.studies.paper.claims import CLAIMS, Claim
from pcmesh.studies.paper.expansion import ExpansionPoint, powers
from pcmesh.studies.paper.experiments import PaperOptions
from pcmesh.studies.paper.figures import FIGURES, Figure
from pcmesh.studies.paper.found import computed, deviation
from pcmesh.studies.paper.run import command, run_paper

CHEAP = [1, 3, 6, 7, 16, 32, 38, 54, 60, 66]


def test_every_claim_has_one_answer() -> None:
    assert [claim.id for claim in CLAIMS] == list(range(1, 88))
    assert set(all_answers()) == {claim.id for claim in CLAIMS}


def test_the_deviation_is_the_largest_of_several_numbers_and_keeps_its_sign() -> None:
    claim = Claim(1, "", (100.0, 10.0), "", "")
    assert deviation(claim, (101.0, 9.0)) == pytest.approx(-0.1)
    assert deviation(claim, (100.0, 10.0)) == 0
    assert deviation(Claim(1, "", 0.0, "", ""), 0.5) == 0.5
    assert deviation(Claim(1, "", "words", "", ""), "other") is None
    assert deviation(claim, None) is None


def test_claims_that_need_no_data_are_computed_and_agree(tmp_path: Path) -> None:
    result = run_paper(PaperOptions(), CHEAP, tmp_path)
    rows = {row["id"]: row for row in result["claims"]}
    assert list(rows) == CHEAP
    assert rows[1]["ours"] == 34
    assert rows[6]["ours"] == 1024
    assert rows[7]["ours"] == 2048
    assert rows[38]["deviation"] == 0
    assert rows[54]["ours"] == pytest.approx(98.05, abs=0.01)
    assert rows[16]["how"] == "quoted"
    assert rows[16]["ours"] is None
    assert rows[60]["ours"] is None
    assert rows[7]["how"] == "input"
    assert rows[7]["deviation"] is None  # agreeing with itself is no finding
    assert result["by_kind"] == {"input": 7, "computed": 1, "quoted": 2}
    assert json.loads(json.dumps(result))["claims"][0]["command"] == "pcmesh paper --quick --only 1"


def test_another_chip_gives_other_values(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text("[tile]\nrows = 256\n", encoding="utf-8")
    rows = {row["id"]: row for row in run_paper(PaperOptions(chip=str(file)), [6, 38])["claims"]}
    assert rows[6]["ours"] == 512
    assert rows[38]["ours"] == 34 * 256 * 512 * 2
    assert rows[38]["deviation"] == -0.5
    assert str(file) in rows[6]["command"]


def test_finished_claims_are_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def answers() -> object:
        return {number: (lambda _, n=number: calls.append(n) or computed(float(n))) for number in (3, 38)}

    monkeypatch.setattr(running, "all_answers", answers)
    run_paper(PaperOptions(), [3], tmp_path)
    run_paper(PaperOptions(), [3, 38], tmp_path)
    assert calls == [3, 38]
    run_paper(PaperOptions(seed=1), [3], tmp_path)
    run_paper(PaperOptions(), [3], tmp_path, fresh=True)
    assert calls == [3, 38, 3, 3]


def test_an_unknown_claim_is_refused() -> None:
    with pytest.raises(InputError, match="1 to 87"):
        run_paper(PaperOptions(), [88])


def test_a_row_names_the_command_that_gives_it_alone() -> None:
    options = PaperOptions(full=True, seed=3, gsc=Path("words"), manifest=Path("list.json"))
    assert command(options, [17]) == "pcmesh paper --full --only 17 --seed 3 --gsc words --manifest list.json"


def test_powers_are_read_off_the_points() -> None:
    points = [ExpansionPoint(rows, 2.0 * rows, 0.3 * rows**0.5) for rows in (64, 128, 512)]
    assert powers(points) == pytest.approx((1.0, 0.5))


def test_figures_are_told_apart_and_cover_the_issue() -> None:
    assert len({(figure.name, figure.title) for figure in FIGURES}) == len(FIGURES)
    names = " ".join(figure.name for figure in FIGURES)
    main = [f"{number}{letter}" for number, letters in (("5", "abcdef"), ("6", "abcdef")) for letter in letters]
    wanted = ["2d", "3d", "3e", "3f", "3g", "4c", "4d", "4e", "4f", "4g", *main]
    wanted += ["ED 2c", "ED 3b", "ED 3c", "ED 3d", "ED 3e", "ED 3f", "ED 4", "ED 5", "ED 7", "ED 8", "ED 9", "ED 10"]
    assert [name for name in wanted if name not in names] == []


def test_a_quick_run_shows_long_figures_that_a_full_run_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = (
        Figure("1", "quick", lambda _: {"kind": "none", "value": 1}),
        Figure("2", "long", lambda _: {"kind": "none", "value": 2}, long=True, described=lambda _: "many words"),
    )
    monkeypatch.setattr(running, "FIGURES", figures)
    monkeypatch.setattr(running, "CLAIMS", ())

    def made(full: bool) -> list[object]:
        found = run_paper(PaperOptions(full=full, chips=3), (), tmp_path)["figures"]
        return [(one["data"] and one["data"]["value"], one["described"], one["command"]) for one in found]

    assert made(full=False) == [(1, "", ""), (None, "", "pcmesh paper --full --chips 3")]
    assert made(full=True) == [(1, "", ""), (2, "many words", "")]
    assert made(full=False)[1] == (2, "many words", "")
