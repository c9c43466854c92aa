"""The RNN-T on simulated chips: as software on an ideal chip, the same in any company, resumed where it stopped."""

from functools import cache
from pathlib import Path

import pytest
import torch

import pcmesh
from pcmesh.hardware import load_chip
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.listening.recognition import recognise
from pcmesh.workloads.rnnt.on_chip.recipe import LAYERS, compile_rnnt, paper_ways
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run, chip_digest
from pcmesh.workloads.rnnt.on_chip.store import Store
from tests.workloads.rnnt.networks import random_features, random_network

WIDTHS = RnntWidths(encoder=32, prediction=16, joint=24)
NETWORK = random_network(WIDTHS, gain=2.0, blank_bias=1.4)
LENGTHS = (11, 24, 9, 17, 22)
RECORDINGS = Recordings(
    tuple(f"utterance {n}" for n in range(len(LENGTHS))),
    tuple(random_features(frames, seed) for seed, frames in enumerate(LENGTHS)),
)
TRAINING = [random_features(30, 100 + number) for number in range(10)]


@cache
def compiled(chip: str, expand: int | None = None, mesh: bool = False) -> pcmesh.ChipModel:
    spec = load_chip(chip)
    ways = paper_ways(WIDTHS, spec, expand=expand)
    return compile_rnnt(NETWORK, spec, TRAINING, ways=ways, frames=400, mesh=mesh)


def quiet(*_: object) -> None:
    """Report nothing."""


def run(model: pcmesh.ChipModel, layers: frozenset[str], folder: Path) -> Run:
    return Run(model, layers, Store(folder))


def test_without_layers_on_chip_the_letters_are_those_of_the_software(tmp_path: Path):
    found = run(compiled("nature2023"), frozenset(), tmp_path).recognise(RECORDINGS, quiet)
    assert found == recognise(NETWORK, RECORDINGS.features)
    assert sum(len(one.labels) for one in found) > 20


@pytest.mark.parametrize("expand", [None, 300])
def test_on_an_ideal_chip_the_encoder_equals_the_software(expand: int | None, tmp_path: Path):
    model = compiled("ideal", expand)
    ideal = run(model, frozenset(LAYERS), tmp_path / "chip")
    plain = run(model, frozenset(), tmp_path / "software")
    pairs = zip(
        ideal._encode(RECORDINGS, RECORDINGS.blocks(), quiet),
        plain._encode(RECORDINGS, RECORDINGS.blocks(), quiet),
        strict=True,
    )
    for chip, software in pairs:
        for a, b in zip(chip, software, strict=True):
            # 16-bit pulses and codes; values beyond what the calibration frames showed are clipped.
            assert float((a - b).abs().median()) < 2e-3 * float(b.std())


@pytest.mark.parametrize("mesh", [False, True])
def test_a_transcript_is_the_same_in_any_company_and_in_one_go(mesh: bool, tmp_path: Path):
    model = compiled("nature2023", None, mesh)
    together = run(model, frozenset(LAYERS), tmp_path / "all").recognise(RECORDINGS, quiet)
    for position in (0, 2):
        alone = Recordings((RECORDINGS.names[position],), (RECORDINGS.features[position],))
        found = run(model, frozenset(LAYERS), tmp_path / str(position)).recognise(alone, quiet)
        assert found == [together[position]]
    with model.samples([RECORDINGS.names[2]]):
        whole = model(RECORDINGS.features[2][None], torch.tensor([LENGTHS[2]]))
    assert tuple(whole.labels[0].tolist()) == together[2].labels


def test_a_run_that_was_cut_off_goes_on_at_its_layer(tmp_path: Path):
    model, layers = compiled("nature2023"), frozenset({"enc-lstm1", "dec-lstm0"})

    def stop(step: str, *_: int) -> None:
        if step == "enc-lstm2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(model, layers, tmp_path / "cut").recognise(RECORDINGS, stop)
    seen: list[str] = []
    found = run(model, layers, tmp_path / "cut").recognise(RECORDINGS, lambda step, *_: seen.append(step))
    assert "enc-lstm0" not in seen
    assert "enc-lstm3" in seen
    assert found == run(model, layers, tmp_path / "whole").recognise(RECORDINGS, quiet)


def test_one_layer_on_the_chip_changes_only_what_follows_it(tmp_path: Path):
    shared, model = tmp_path / "shared", compiled("nature2023")
    run(model, frozenset(), shared).recognise(RECORDINGS, quiet)
    seen: list[str] = []
    run(model, frozenset({"enc-lstm4"}), shared).recognise(RECORDINGS, lambda s, *_: seen.append(s))
    assert list(dict.fromkeys(seen)) == ["enc-lstm4", "enc-fc", "decoder"]


def test_another_chip_and_another_age_have_other_results():
    model = compiled("nature2023")
    assert chip_digest(model) != chip_digest(model.at(1e6))
    assert chip_digest(model) != chip_digest(model.on(number=1))
