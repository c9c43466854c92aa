"""The RNN-T's mapper: sizes, the paper's limits, losses of single matrices, whole mappings, resumed where cut off."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

import pcmesh
from pcmesh.analysis.mapping_choice.candidates import Candidate
from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.errors import ConfigurationError, VerificationError
from pcmesh.hardware import load_chip
from pcmesh.mapping import Encoding
from pcmesh.reporting.drawings.pareto import choice_table, losses_table
from pcmesh.speech.transcripts import to_text
from pcmesh.studies.mappings.rnnt import budgets, mappings
from pcmesh.studies.mappings.rnnt_mapper import losses as losses_module
from pcmesh.studies.mappings.rnnt_mapper import whole as whole_module
from pcmesh.studies.mappings.rnnt_mapper.choice import PAPER_TILES, choice_under_paper_limits, comparison, paper_choice
from pcmesh.studies.mappings.rnnt_mapper.losses import Losses, measure_losses, vectors_of
from pcmesh.studies.mappings.rnnt_mapper.ways import paper_ways, sizes
from pcmesh.studies.mappings.rnnt_mapper.whole import Bench
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.listening.recognition import Recognised, recognise
from pcmesh.workloads.rnnt.on_chip import recipe
from pcmesh.workloads.rnnt.on_chip.decisions import decision_places, decisions, divergence
from pcmesh.workloads.rnnt.on_chip.experiment import choose_encodings
from pcmesh.workloads.rnnt.on_chip.recipe import FIRST, PRODUCTS, compile_rnnt
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run
from pcmesh.workloads.rnnt.on_chip.store import Store
from tests.workloads.rnnt.networks import random_features, random_network

WIDTHS = RnntWidths(encoder=16, prediction=12, joint=16)
NETWORK = random_network(WIDTHS, gain=2.0, blank_bias=1.0)
CHIP = load_chip()
RECORDINGS = Recordings(("a", "b"), (random_features(24, 1), random_features(16, 2)))
TRAINING = [random_features(60, 100 + number) for number in range(5)]


@cache
def _compiled(chip: str) -> pcmesh.ChipModel:
    return compile_rnnt(NETWORK, load_chip(chip), TRAINING, frames=300, mesh=False)


def _quiet(*_: object) -> None:
    """Report nothing."""


def _vectors() -> dict[str, float]:
    return dict.fromkeys(paper_ways(WIDTHS, CHIP), 1.0)


def test_the_paper_takes_142_tiles() -> None:
    widths = RnntWidths()
    found = sizes(widths, CHIP, _vectors())
    with pytest.raises(ConfigurationError, match="enc-lstm0-wx in 2-PCM: loss = nan; what was not measured"):
        paper_choice(found, widths, CHIP)
    found = [replace(one, loss=0.1) for one in found]
    paper = paper_choice(found, widths, CHIP)
    assert paper.tiles == PAPER_TILES
    assert paper.layers[FIRST] == "AB,copies=4"
    expanded = next(c for c in found if c.way == "AB,expand=1024")
    assert expanded.energy_j > paper.ways[FIRST].energy_j


def test_the_papers_limits_hold_and_a_better_use_of_tiles_is_found() -> None:
    found = [
        Candidate("a", "AB", 0.1, 32, 1.0),
        Candidate("a", "2-PCM", 0.2, 16, 1.0),
        *(Candidate(f"b{n}", way, loss, tiles, 1.0) for n in range(6) for way, loss, tiles in _TWO_WAYS),
    ]
    chosen = choice_under_paper_limits(found, CHIP)
    assert chosen.tiles <= 142
    held = [0] * 5
    for name, way in chosen.ways.items():
        held[chosen.chips[name]] += way.tiles
    assert max(held) <= CHIP.tiles
    assert sum(held) == chosen.tiles


_TWO_WAYS = (("AB", 0.05, 18), ("2-PCM", 0.3, 9))


def test_decisions_are_one_for_each_letter_and_each_blank() -> None:
    frames, letters = decision_places(Recognised((3, 4, 5), 8, 4, 0, (1, 1, 3)))
    assert frames.tolist() == [1, 1, 3, 0, 1, 2, 3]
    assert letters.tolist() == [0, 1, 2, 0, 2, 2, 3]


def test_software_decides_what_it_wrote(tmp_path: Path) -> None:
    software = Run(_compiled("nature2023"), frozenset(), Store(tmp_path))
    written = software.recognise(RECORDINGS, _quiet)
    found = decisions(software, RECORDINGS, written, _quiet)
    for one, logits in zip(written, found, strict=True):
        wanted = [*one.labels, *[NETWORK.blank] * one.encoder_frames]
        assert logits.argmax(-1).tolist() == wanted
    assert divergence(found, found, written) == pytest.approx(0, abs=1e-6)


def test_a_single_matrix_on_an_ideal_chip_changes_nothing(tmp_path: Path) -> None:
    base = _compiled("ideal")
    software = Run(base, frozenset(), Store(tmp_path))
    written = software.recognise(RECORDINGS, _quiet)
    wanted = decisions(software, RECORDINGS, written, _quiet)
    for matrix, way in ((FIRST, "AB,expand=512"), ("enc-lstm1-wh", "2-PCM"), ("dec-lstm1", "4-PCM")):
        model = base.on(options={PRODUCTS[matrix]: way}, only=[PRODUCTS[matrix]])
        assert [layer.layer for layer in model.program.mapping.layers] == [PRODUCTS[matrix]]
        got = decisions(Run(model, frozenset({matrix}), Store(tmp_path)), RECORDINGS, written, _quiet)
        assert divergence(got, wanted, written) < 2e-3


def test_losses_and_whole_mappings_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, dense, twice = ProductOptions(), ProductOptions(encoding=Encoding.PCM2), ProductOptions(copies=2)
    first, last = PRODUCTS[FIRST], PRODUCTS["dec-fc"]
    monkeypatch.setattr(losses_module, "trials", lambda *_: [{first: plain, last: dense}, {first: twice}])
    found = measure_losses(NETWORK, CHIP, RECORDINGS, TRAINING, 2, tmp_path, _quiet)
    assert {key: len(values) for key, values in found.of_chips.items()} == {
        (FIRST, "AB"): 2,
        ("dec-fc", "2-PCM"): 2,
        (FIRST, "AB,copies=2"): 2,
    }
    assert min(min(values) for values in found.of_chips.values()) > 0
    _forget(tmp_path, f"{last} 2-PCM 1")  # what is missing is measured, not taken as no loss
    assert measure_losses(NETWORK, CHIP, RECORDINGS, TRAINING, 2, tmp_path, _quiet) == found
    with monkeypatch.context() as patch:
        patch.setattr(pcmesh.ChipModel, "on", None)
        assert measure_losses(NETWORK, CHIP, RECORDINGS, TRAINING, 2, tmp_path, _quiet) == found
    with pytest.raises(VerificationError, match=r"enc-lstm0-wh: no loss was measured in any of its ways \(2-PCM"):
        found.candidates(WIDTHS, CHIP)

    said = [to_text(one.labels) for one in recognise(NETWORK, RECORDINGS.features)]
    bench = Bench(NETWORK, CHIP, RECORDINGS, said, TRAINING, 2, tmp_path, _quiet)
    assert bench.software() == 0
    point = bench.measure("paper", paper_ways(WIDTHS, CHIP))
    assert (point.tiles, len(point.errors)) == (13, 2)
    assert point.energy_j > 0
    for key in ("tiles", "energy_j"):
        _forget(tmp_path / "whole", key)
    assert bench.measure("paper", paper_ways(WIDTHS, CHIP)) == point
    monkeypatch.setattr(whole_module, "compile_rnnt", None)
    assert bench.measure("paper", paper_ways(WIDTHS, CHIP)) == point


def _forget(folder: Path, key: str) -> None:
    kept = [file for file in folder.rglob("*.json") if json.loads(file.read_text(encoding="utf-8"))["key"] == key]
    assert len(kept) == 1
    kept[0].unlink()


def test_mappings_to_measure_are_each_there_once() -> None:
    torch.manual_seed(0)
    found = sizes(WIDTHS, CHIP, _vectors())
    values = {(one.layer, one.way): (float(torch.rand(())),) for one in found}
    listed = Losses(values, _vectors()).candidates(WIDTHS, CHIP)
    full = choice_under_paper_limits(listed, CHIP)
    named = mappings(listed, WIDTHS, CHIP, full)
    assert len({tuple(sorted(ways.items())) for _, ways, _ in named}) == len(named)
    assert named[0][2] == ("the paper's",)
    assert sum(name.startswith("everything") for name, _, _ in named) == len(Encoding)
    table = choice_table(comparison(paper_choice(listed, WIDTHS, CHIP), full))
    assert table.count("\n") == 2 + len(paper_ways(WIDTHS, CHIP))
    alone = [{"matrix": a, "way": b, "nats_per_letter": [1.0, 2.0]} for a, b in values]
    assert f"| {FIRST}, copies=2 | 1.5000 | 1.5000 | 1.5000 |" in losses_table(alone)
    assert budgets(listed, 20)[0] == min(budgets(listed, 20))


def test_a_matrix_can_be_pinned_to_an_encoding() -> None:
    pins = choose_encodings(["enc-lstm2-wx=AB", "dec-fc=2-PCM"])
    ways = recipe.paper_ways(WIDTHS, CHIP, encodings=pins)
    mapping = compile_rnnt(NETWORK, CHIP, TRAINING, ways=ways, frames=300, mesh=False).program.mapping
    assert {name: mapping.layer(PRODUCTS[name]).encoding for name in pins} == pins
    assert mapping.layer(PRODUCTS["enc-lstm3"]).encoding is Encoding.PCM2
    with pytest.raises(ConfigurationError, match="enc-lstm2-wx=AB"):
        choose_encodings(["enc-lstm0-wx=AB,copies=4"])
    with pytest.raises(ConfigurationError, match="no matrix 'enc-lstm9'"):
        recipe.paper_ways(WIDTHS, CHIP, encodings={"enc-lstm9": Encoding.AB})


def test_vectors_come_with_frames_pairs_of_frames_and_letters() -> None:
    written = [Recognised((1, 2, 3), 10, 5, 0, (0, 1, 2))]
    assert vectors_of(("enc-lstm1-wh", "enc-lstm3", "dec-fc"), written) == {
        "enc-lstm1-wh": 10,
        "enc-lstm3": 5,
        "dec-fc": 4,
    }
