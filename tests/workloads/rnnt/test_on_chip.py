"""The RNN-T on simulated chips: as software on an ideal chip, the same in any company, resumed where it stopped."""

from functools import cache
from pathlib import Path

import pytest
import torch

from pcmesh.chip import load_chip
from pcmesh.errors import InputError
from pcmesh.physics.fabrication import Instance
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.lstm import lstm_weights, software_lstm
from pcmesh.workloads.rnnt.on_chip.calibration import calibration_vectors
from pcmesh.workloads.rnnt.on_chip.chip import LAYERS, RnntChip, RnntProgram, bring_up_rnnt, compile_rnnt
from pcmesh.workloads.rnnt.on_chip.preprocess import InputScaling, restore
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run
from pcmesh.workloads.rnnt.on_chip.store import Store
from pcmesh.workloads.rnnt.recognition import recognise
from tests.workloads.rnnt.networks import random_features, random_network

WIDTHS = RnntWidths(encoder=32, prediction=16, joint=24)
NETWORK = random_network(WIDTHS, gain=2.0, blank_bias=1.0)
LENGTHS = (31, 60, 17, 44, 59)
RECORDINGS = Recordings(
    tuple(f"utterance {n}" for n in range(len(LENGTHS))),
    tuple(random_features(frames, seed) for seed, frames in enumerate(LENGTHS)),
)
TRAINING = [random_features(90, 100 + number) for number in range(6)]


@cache
def program(chip: str, expand: int | None = None) -> RnntProgram:
    return compile_rnnt(NETWORK, load_chip(chip), expand)


@cache
def brought_up(chip: str, expand: int | None = None) -> RnntChip:
    return bring_up_rnnt(program(chip, expand), Instance(0), TRAINING, frames=400)


def quiet(*_: object) -> None:
    """Report nothing."""


def run(chip: RnntChip | None, layers: frozenset[str], folder: Path) -> Run:
    return Run(NETWORK, chip, layers, Store(folder))


def test_without_layers_on_chip_the_letters_are_those_of_the_software(tmp_path: Path):
    found = run(None, frozenset(), tmp_path).recognise(RECORDINGS, quiet)
    assert found == recognise(NETWORK, RECORDINGS.features)
    assert sum(len(one.labels) for one in found) > 20


@pytest.mark.parametrize("expand", [None, 300])
def test_on_an_ideal_chip_the_encoder_equals_the_software(expand: int | None, tmp_path: Path):
    ideal = run(brought_up("ideal", expand), frozenset(LAYERS), tmp_path / "chip")
    plain = run(None, frozenset(), tmp_path / "software")
    pairs = zip(
        ideal._encode(RECORDINGS, RECORDINGS.blocks(), quiet),
        plain._encode(RECORDINGS, RECORDINGS.blocks(), quiet),
        strict=True,
    )
    for chip, software in pairs:
        for a, b in zip(chip, software, strict=True):
            # 16-bit pulses and codes; values beyond what the calibration frames showed are clipped.
            assert float((a - b).abs().median()) < 2e-3 * float(b.std())


def test_a_transcript_is_the_same_in_any_company(tmp_path: Path):
    chip = brought_up("nature2023")
    together = run(chip, frozenset(LAYERS), tmp_path / "all").recognise(RECORDINGS, quiet)
    for position in (0, 2):
        alone = Recordings((RECORDINGS.names[position],), (RECORDINGS.features[position],))
        found = run(chip, frozenset(LAYERS), tmp_path / str(position)).recognise(alone, quiet)
        assert found == [together[position]]


def test_a_run_that_was_cut_off_goes_on_at_its_layer(tmp_path: Path):
    chip, layers = brought_up("nature2023"), frozenset({"enc-lstm1", "dec-lstm0"})

    def stop(step: str, *_: int) -> None:
        if step == "enc-lstm2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(chip, layers, tmp_path / "cut").recognise(RECORDINGS, stop)
    seen: list[str] = []
    found = run(chip, layers, tmp_path / "cut").recognise(RECORDINGS, lambda step, *_: seen.append(step))
    assert "enc-lstm0" not in seen
    assert "enc-lstm3" in seen
    assert found == run(chip, layers, tmp_path / "whole").recognise(RECORDINGS, quiet)


def test_one_layer_on_the_chip_changes_only_what_follows_it(tmp_path: Path):
    shared = tmp_path / "shared"
    run(None, frozenset(), shared).recognise(RECORDINGS, quiet)
    seen: list[str] = []
    run(brought_up("nature2023"), frozenset({"enc-lstm4"}), shared).recognise(RECORDINGS, lambda s, *_: seen.append(s))
    assert list(dict.fromkeys(seen)) == ["enc-lstm4", "enc-fc", "decoder"]


def test_another_chip_and_another_age_have_other_results():
    chip = brought_up("nature2023")
    assert chip.digest() != chip.aged(1e6).digest()
    other = bring_up_rnnt(program("nature2023"), Instance(0, 1), TRAINING, frames=400)
    assert chip.digest() != other.digest()


def test_calibration_frames_are_those_of_every_layer_of_the_graph():
    graph = program("nature2023").compiled.graph
    scaling = program("nature2023").scaling
    vectors = calibration_vectors(NETWORK, scaling, TRAINING, 50, torch.Generator().manual_seed(0))
    for layer in graph.layers:
        assert vectors[layer.input].shape[1] == graph.weights[layer.name].shape[0]
        assert len(vectors[layer.input]) <= 50
    with pytest.raises(InputError, match="no recordings"):
        calibration_vectors(NETWORK, scaling, [], 50, torch.Generator())


@pytest.mark.parametrize("expand", [None, 300])
def test_scaled_inputs_are_within_one_and_undone_after_the_product(expand: int | None):
    made = program("nature2023", expand)
    features = random_features(40, 7) * 3 + 0.5
    scaled = made.scaling.apply(features)
    assert float(scaled.rows_TK.abs().max()) == pytest.approx(1.0)
    scale, mean = (torch.full((len(features),), value) for value in (scaled.scale, scaled.mean))
    product = scaled.rows_TK @ made.compiled.graph.weights["enc-lstm0-wx"]
    found = restore(product, scale, mean, made.scaling.column_sums_G)
    wanted = features @ lstm_weights(NETWORK, "enc-lstm0").ih.T
    assert torch.allclose(found, wanted, atol=2e-3 * float(wanted.abs().max()))


def test_input_scaling_of_copies_averages_them():
    weight = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    scaling = InputScaling.of(RnntWidths(features=3, input_copies=4), weight, None)
    assert scaling.apply(torch.randn(5, 3, generator=torch.Generator().manual_seed(1))).rows_TK.shape == (5, 12)


def test_software_layer_equals_pytorch_and_does_not_depend_on_company():
    weights = lstm_weights(NETWORK, "enc-lstm0")
    plain = torch.nn.LSTM(240, WIDTHS.encoder)
    own = NETWORK.encoder.pre_rnn.lstm.state_dict()
    plain.load_state_dict({key: value for key, value in own.items() if key.endswith("l0")})
    together = software_lstm(weights, RECORDINGS.features)
    for features, hidden in zip(RECORDINGS.features, together, strict=True):
        assert torch.equal(software_lstm(weights, [features])[0], hidden)
        with torch.no_grad():
            assert torch.allclose(plain(features)[0], hidden, atol=1e-5)


def test_layers_written_alone_are_those_of_the_whole_chip():
    whole = brought_up("nature2023")
    alone = bring_up_rnnt(program("nature2023"), Instance(0), TRAINING, frames=400, layers=("enc-lstm0", "enc-fc"))
    assert [layer.name for layer in alone.products.graph.layers] == ["enc-lstm0-wx", "enc-lstm0-wh", "enc-fc"]
    x = torch.randn(7, WIDTHS.encoder, generator=torch.Generator().manual_seed(0))
    keys = torch.arange(7)
    for layer in ("enc-lstm0-wh", "enc-fc"):
        assert torch.equal(alone.products.layer(layer)(x, keys), whole.products.layer(layer)(x, keys))
