"""Experiments with the RNN-T on chip instances: conditions, results, report."""

from pathlib import Path

import pytest
import torch

from pcmesh.errors import ConfigurationError
from pcmesh.hardware import load_chip
from pcmesh.reporting import render_rnnt
from pcmesh.speech.transcripts import to_labels, to_text
from pcmesh.workloads.rnnt.listening.recognition import encode, recognise
from pcmesh.workloads.rnnt.loss import transducer_loss
from pcmesh.workloads.rnnt.on_chip import experiment
from pcmesh.workloads.rnnt.on_chip.experiment import ChipOptions, choose_layers, evaluate_on_chip
from pcmesh.workloads.rnnt.on_chip.recipe import LAYERS, PRODUCTS, another_chip
from pcmesh.workloads.rnnt.on_chip.run import Run
from pcmesh.workloads.rnnt.on_chip.store import Store
from tests.workloads.rnnt.test_on_chip import NETWORK, RECORDINGS, TRAINING, compiled, quiet


def test_conditions_are_the_layers_together_alone_or_one_more_at_a_time():
    layers = LAYERS[:3]
    assert ChipOptions(layers=layers).conditions() == [layers]
    assert ChipOptions(layers=layers, mode="each").conditions() == [(layer,) for layer in layers]
    cumulative = [layers[:1], layers[:2], layers]
    assert ChipOptions(layers=layers, mode="cumulative").conditions() == cumulative
    both = ChipOptions(layers=layers, mode="each and cumulative").conditions()
    assert both == [(layer,) for layer in layers] + cumulative


def test_layers_are_chosen_by_name_in_the_networks_order():
    assert choose_layers("all") == LAYERS
    assert choose_layers("enc-fc, enc-lstm0") == ("enc-lstm0", "enc-fc")
    with pytest.raises(ConfigurationError, match="joint-fc"):
        choose_layers("joint-fc")


@torch.inference_mode()
def test_surprise_in_software_is_the_transducers_loss(tmp_path: Path):
    texts = ["a few words", "others", "it's so", "no", "and the last one"]
    found = Run(compiled("nature2023"), frozenset(), Store(tmp_path)).surprise(RECORDINGS, texts, quiet)
    total = 0.0
    for features, text in zip(RECORDINGS.features, texts, strict=True):
        (encoded,) = encode(NETWORK, [features])
        labels = torch.tensor([to_labels(text)])
        before = torch.cat([torch.tensor([[NETWORK.blank]]), labels], dim=1).T
        predicted = NETWORK.joint.prediction_part(NETWORK.prediction(before)[0][:, 0])
        logits = NETWORK.joint(NETWORK.joint.encoder_part(encoded)[:, None], predicted[None])
        sizes = torch.tensor([len(encoded)]), torch.tensor([len(text)])
        total += float(transducer_loss(logits[None], labels, *sizes))
    assert found == pytest.approx(total / sum(map(len, texts)), rel=1e-4)


def test_result_and_report(tmp_path: Path):
    software = [to_text(one.labels) for one in recognise(NETWORK, RECORDINGS.features)]
    said = [text.strip() or "nothing" for text in software]
    options = ChipOptions(
        layers=("enc-lstm0", "dec-fc"), mode="cumulative", chips=2, time_s=3600.0, mesh=False, work=tmp_path / "work"
    )
    result = evaluate_on_chip(NETWORK, RECORDINGS, said, TRAINING, options, quiet)
    assert [one["layers"] for one in result["conditions"]] == [["enc-lstm0"], ["enc-lstm0", "dec-fc"]]
    for one in result["conditions"]:
        assert len(one["wer"]["per_chip"]) == 2
        assert one["wer"]["ci95"][0] <= one["wer"]["mean"] <= one["wer"]["ci95"][1]
        assert one["wer"]["mean"] > result["software"]["wer"]  # random weights on a real chip
        assert one["nats_per_letter"]["mean"] != result["software"]["nats_per_letter"]
    assert [one["software"] for one in result["utterances"]] == software
    assert 0.9 < result["analog_yield"] <= 1
    assert {one["pair"] for one in result["programming"]} == {1, 2}
    assert all(0 < one["correlation"] <= 1 for one in result["layers"])
    assert not list((tmp_path / "work").iterdir())
    page = render_rnnt(result | {"data": {"kind": "synthetic"}})
    assert page.count("<svg") == 5
    assert "synthetic speech" in page
    assert "<mark>" in page or "<del>" in page


def test_only_the_layers_asked_for_are_programmed(tmp_path: Path):
    options = ChipOptions(layers=("enc-lstm3", "dec-fc"), recalibrate=True, chips=2, work=tmp_path / "work")
    made = experiment.compiled(NETWORK, load_chip(), TRAINING, options)
    for model in (made, another_chip(made, 1)):
        names = [layer.layer for layer in model.program.mapping.layers]
        assert names == [PRODUCTS["enc-lstm3"], PRODUCTS["dec-fc"]]
        assert len(model.program.mapping.tiles) == 2
        assert model.program.compiled is not None  # pulses widen on their ways
        assert [place.chip for place in model.program.placement.places] == [3, 4]
    result = evaluate_on_chip(NETWORK, RECORDINGS, ["nothing"] * len(RECORDINGS.names), TRAINING, options, quiet)
    assert [layer["name"] for layer in result["layers"]] == ["enc-lstm3", "dec-fc"]
    assert result["tiles"] == 2
