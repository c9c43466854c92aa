"""The laws from measurements to rows, on few chips; the command around them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pcmesh.analysis.laws.estimates import exactly
from pcmesh.analysis.laws.law import Law, Sight
from pcmesh.hardware import load_chip
from pcmesh.studies.laws import run, speech_laws
from pcmesh.studies.laws.bits import bits_of_loss
from pcmesh.studies.laws.catalogue import ENTRIES, MeasuredLaw, Twin
from pcmesh.studies.laws.fitted import FITTED
from pcmesh.studies.laws.keyword_laws import balance, noise_in_training
from pcmesh.studies.laws.keywords import KeywordChips, Spotted
from pcmesh.studies.laws.options import LawOptions, Setting
from pcmesh.studies.laws.speech import Condition, Loss, SpeechArm
from tests.cli.conftest import Program, program  # noqa: F401

OPTIONS = LawOptions(chips=2, sentences=2, words=60, dies=2)


def _setting(work: Path, **changes: object) -> Setting:
    return Setting(chip=load_chip("nature2023"), options=replace(OPTIONS, **changes), work=work)


class _Speech:
    """Chips whose losses are given by way and condition."""

    setting = Setting(chip=load_chip("nature2023"), options=OPTIONS, work=Path())

    def __init__(self, **losses: Sequence[float]) -> None:
        self._losses = losses

    def losses(self, way: SpeechArm, conditions: Sequence[Condition]) -> list[list[Loss]]:
        found = []
        for one in conditions:
            name = "week" if one.time_s else way.name if one.layers == way.layers else one.layers[0]
            found.append([Loss(value / 10, value) for value in self._losses[name.replace(" ", "_").replace("-", "_")]])
        return found


def test_laws_have_names_of_their_own_and_a_source() -> None:
    ids = [entry.law.id for entry in ENTRIES]
    assert len(set(ids)) == len(ids)
    assert all(entry.law.where for entry in ENTRIES)
    for entry in ENTRIES:
        assert entry.law.rule != "equal" or all(entry.law.paper)  # a share of zero is no distance


def test_no_more_than_five_constants_are_fitted_each_to_a_law_and_marked_in_the_chip_file() -> None:
    assert len(FITTED) <= 5
    assert {one.law for one in FITTED} <= {entry.law.id for entry in ENTRIES}
    notes = (Path(run.__file__).parents[2] / "hardware" / "presets" / "nature2023.toml").read_text(encoding="utf-8")
    table, marked = "", set()
    for line in notes.splitlines():
        table = line[1:].split("]")[0] if line.startswith("[") else table
        if "[F]" in line and "=" in line.split("#")[0]:
            marked.add(f"{table}.{line.split('=')[0].strip()}")
    assert marked == {one.key for one in FITTED}


def test_a_ratio_is_of_the_same_chips() -> None:
    chips = _Speech(as_in_the_paper=[0.02, 0.04], half_the_integration=[0.03, 0.06], week=[0.02, 0.05])
    half = speech_laws.half_integration(chips)  # type: ignore[arg-type]
    assert half.estimates[0].value == pytest.approx(1.5)
    assert half.estimates[0].low == pytest.approx(1.5)
    assert "whole 3.00, half 4.50 points" in half.note
    assert speech_laws.a_week(chips).estimates[0].value == pytest.approx(0.07 / 0.06)  # type: ignore[arg-type]


def test_a_bigger_max_w_lets_more_weights_lie_beyond() -> None:
    chip = load_chip("nature2023")
    bigger = speech_laws.bigger_max_w(chip).chip
    assert bigger is not None
    assert bigger.programming.saturated_share > chip.programming.saturated_share


def test_bits_are_read_off_a_falling_curve() -> None:
    curve = {3.0: 0.1, 4.0: 0.02, 5.0: 0.03, 6.0: 0.001}  # chance lifts a point; it counts as no worse than before
    assert bits_of_loss(curve, 0.1) == pytest.approx(3.0)
    assert bits_of_loss(curve, (0.1 * 0.02) ** 0.5) == pytest.approx(3.5)
    assert bits_of_loss(curve, 0.0001) == 6.0
    assert bits_of_loss(curve, 1.0) == 3.0


class _Keywords:
    setting = Setting(chip=load_chip("nature2023"), options=OPTIONS, work=Path())

    def as_shipped(self) -> list[Spotted]:
        return [Spotted(0.92, 0.93, 0.01), Spotted(0.93, 0.93, 0.02)]

    def without_balance(self) -> list[Spotted]:
        return [Spotted(0.90, 0.93, 0.04), Spotted(0.91, 0.93, 0.05)]

    def trained_with(self, noise: object) -> list[Spotted]:
        sigma = noise.weight_sigma  # type: ignore[attr-defined]
        return [Spotted(0.9 - (sigma - 0.08) ** 2, 0.9, 0.0)] * 2


def test_keywords_lose_in_pairs_of_chips() -> None:
    assert balance(_Keywords()).estimates[0].low == pytest.approx(0.03)  # type: ignore[arg-type]
    won, lost = noise_in_training(_Keywords()).estimates  # type: ignore[arg-type]
    assert won.value == pytest.approx(100 * 0.08**2)
    assert lost.value == pytest.approx(100 * (0.32 - 0.08) ** 2)


def test_measurements_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chips = KeywordChips(_setting(tmp_path))
    found = chips.as_shipped()
    assert all(0.5 < one.accuracy <= 1 for one in found)
    assert found[0] != found[1]
    monkeypatch.setattr(KeywordChips, "prepared", None)
    assert KeywordChips(_setting(tmp_path)).as_shipped() == found


def test_transport_is_of_several_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pcmesh.studies.laws import chip_laws

    usual = chip_laws.measure_transport
    monkeypatch.setattr(chip_laws, "measure_transport", lambda *a, **k: usual(*a, vectors=20, **k))
    sight = chip_laws.transport(_setting(tmp_path))
    assert len(sight.estimates) == 2
    assert all(len(values) == 2 for values in sight.data["largest_ns"].values())


@pytest.fixture
def three_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(name: str, of: str, value: float, long: bool = False) -> MeasuredLaw:
        law = Law(id=name, observation=f"What {name} is", where="Fig. 1", paper=(1.0,))
        return MeasuredLaw(law, of, lambda _: Sight((exactly(value),), f"a note of {name}"), long)  # type: ignore[arg-type]

    entries = (entry("one", "rnnt", 1.0), entry("two", "kws", 2.0), entry("three", "chip", 1.1, long=True))
    monkeypatch.setattr(run, "ENTRIES", entries)


@pytest.mark.usefixtures("three_laws")
def test_the_command_prints_and_writes_the_laws(program: Program, tmp_path: Path) -> None:  # noqa: F811
    outcome = program("laws", "--json", tmp_path / "laws.json", "--out", tmp_path / "run", "--chips", 4)
    assert outcome.code == 0, outcome.err
    assert max(map(len, outcome.out.splitlines())) <= 100
    assert "a note of two" in outcome.out  # what does not agree is explained
    assert "Predicted: 2 agree, 1 do not, 0 not decided" in outcome.out
    found = json.loads((tmp_path / "laws.json").read_text())
    assert [one["agrees"] for one in found["laws"]] == [True, False, True]
    assert found["configuration"]["chips"] == 4
    assert (tmp_path / "run" / "result.json").exists()


@pytest.mark.usefixtures("three_laws")
def test_a_network_has_its_own_laws_and_a_quick_run_fewer(program: Program, tmp_path: Path) -> None:  # noqa: F811
    outcome = program("laws", "--quick", "--network", "kws", "--json", tmp_path / "laws.json", "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    found = json.loads((tmp_path / "laws.json").read_text())
    assert [(one["id"], one["agrees"]) for one in found["laws"]] == [("two", False), ("three", None)]
    assert "left out of a quick run" in outcome.out


def test_an_unknown_network_is_refused(program: Program, tmp_path: Path) -> None:  # noqa: F811
    outcome = program("laws", "--network", "whisper", "--out", tmp_path / "run")
    assert outcome.code == 2
    assert "whisper" in outcome.err
    assert not (tmp_path / "run").exists()


def test_parts_of_a_twin_are_made_when_they_are_needed(tmp_path: Path) -> None:
    twin = Twin(_setting(tmp_path))
    assert "speech" not in vars(twin)
    assert twin.keywords is twin.keywords


MODEL = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 10))
"""


def test_a_network_of_ones_own_shows_laws(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    from pcmesh.studies.laws import chip_laws

    usual = chip_laws.measure_transport
    monkeypatch.setattr(chip_laws, "measure_transport", lambda *a, **k: usual(*a, vectors=5, **k))
    (tmp_path / "model.py").write_text(MODEL)
    arguments = ("--network", f"{tmp_path / 'model.py'}:make", "--example", "torch.randn(200, 48)", "--chips", 2)
    outcome = program("laws", *arguments, "--json", tmp_path / "laws.json", "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    found = {one["id"]: one for one in json.loads((tmp_path / "laws.json").read_text())["laws"]}
    assert {"weight-error", "yield", "own-balance", "own-half", "own-week", "transport"} <= found.keys()
    assert 0 < found["weight-error"]["ours"] < 10
    assert found["own-week"]["ours"] > 0
    refused = program("laws", "--network", f"{tmp_path / 'model.py'}:make", "--out", tmp_path / "other")
    assert refused.code == 2
    assert "--example" in refused.err


def test_the_tile_is_as_efficient_as_its_cost_was_fitted(tmp_path: Path) -> None:
    entry = next(one for one in ENTRIES if one.law.id == "tile-energy")
    found = run.measured(entry, Twin(_setting(tmp_path)))
    assert found["ours"] == pytest.approx(20.0, rel=0.02)
    assert (found["standing"], found["fitted_constant"], found["agrees"]) == ("fitted", "cost of convert", True)
