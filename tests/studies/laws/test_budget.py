"""Sources of errors can be switched off; a budget and a fit, from the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pcmesh.analysis.laws.estimates import exactly
from pcmesh.analysis.laws.law import Law, Sight
from pcmesh.hardware import load_chip
from pcmesh.mapping import Encoding
from pcmesh.studies.laws import budget, fit, run
from pcmesh.studies.laws.budget import Probe
from pcmesh.studies.laws.catalogue import MeasuredLaw
from pcmesh.studies.laws.fitted import FittedConstant
from pcmesh.studies.laws.options import LawOptions, Setting
from pcmesh.studies.laws.sources import SOURCES, without
from tests.cli.conftest import Program, program  # noqa: F401

FEW = tuple(source for source in SOURCES if source.name in ("programming", "ramp"))


def test_every_source_has_keys_of_the_chip() -> None:
    chip = load_chip("nature2023")
    for source in SOURCES:
        changed = without(chip, {source.name})
        assert changed.model_dump(exclude={"name"}) != chip.model_dump(exclude={"name"}), source.name
    assert without(chip, ()) == chip


def test_a_layer_errs_less_without_a_source(tmp_path: Path) -> None:
    setting = Setting(chip=load_chip("nature2023"), options=LawOptions(chips=1), work=tmp_path)
    probe, names = Probe(setting), {source.name for source in SOURCES}
    whole, none = (probe.variances(Encoding.AB, frozenset(on))[0] for on in (names, ()))
    assert 0 < none < whole < 0.1
    assert none < probe.variances(Encoding.AB, frozenset({"programming"}))[0] < whole


def test_the_budget_is_printed_and_written(
    program: Program,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "SOURCES", FEW)
    monkeypatch.setattr(Probe, "variances", lambda _, encoding, on: [1.0 + len(on) + (encoding is Encoding.PCM2)] * 2)
    outcome = program("laws", "--budget", "--json", tmp_path / "budget.json", "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    assert max(map(len, outcome.out.splitlines())) <= 100
    found = json.loads((tmp_path / "budget.json").read_text())["budget"]
    assert [one["encoding"] for one in found] == ["AB", "2-PCM"]
    assert [row["alone"]["mean"] for row in found[0]["rows"]] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.0])


def test_a_constant_is_fitted_again_and_left_out(
    program: Program,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    law = Law(id="offset", observation="Ten times the offset", where="Fig. 1", paper=(30.0,))
    entry = MeasuredLaw(
        law, "chip", lambda twin: Sight((exactly(10 * twin.setting.chip.column.offset_sigma_mv),), "computed")
    )
    constant = FittedConstant(key="column.offset_sigma_mv", law="offset", before=1.0, low=0.1, high=100.0)
    for module in (fit, run):
        monkeypatch.setattr(module, "ENTRIES", (entry,))
    monkeypatch.setattr(fit, "FITTED", (constant,))
    outcome = program("laws", "--fit", "--json", tmp_path / "fit.json", "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    found = json.loads((tmp_path / "fit.json").read_text())["constants"][0]
    assert found["again"] == pytest.approx(3.0, rel=0.05)
    assert found["in_chip"] == load_chip("nature2023").column.offset_sigma_mv
    assert (found["laws"][0]["ours"], found["laws"][0]["agrees"]) == (10.0, False)


def test_two_questions_at_once_are_refused(program: Program, tmp_path: Path) -> None:  # noqa: F811
    outcome = program("laws", "--budget", "--fit", "--out", tmp_path / "run")
    assert outcome.code == 2
    assert "one of them" in outcome.err


def test_measurements_of_other_data_are_others(tmp_path: Path) -> None:
    setting = Setting(chip=load_chip("nature2023"), options=LawOptions(), work=tmp_path)
    setting.kept("a").put("key", 1)
    assert setting.kept("a").get("key") == 1
    assert setting.kept("b").get("key") is None
    longer = replace(setting, options=LawOptions(sentences=99), _kept={})
    assert longer.kept("a").get("key") is None
    assert replace(setting, _kept={}).kept("a").get("key") == 1
    assert replace(setting, fresh=True, _kept={}).kept("a").get("key") is None
