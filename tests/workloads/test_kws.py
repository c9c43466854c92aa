"""The keyword experiment on the shipped network."""

import math

import pytest
import torch

from pcmesh.deployed import bring_up
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.pulse import input_ticks
from pcmesh.workloads.kws.experiment import bring_up_chip, run_kws, spot
from pcmesh.workloads.kws.graph import INPUT, LAYERS
from pcmesh.workloads.kws.prepare import KwsOptions, Prepared, prepare


def quiet(*_: object) -> None:
    """Report nothing."""


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(KwsOptions(chips=1, utterances=120), quiet)


def test_ideal_chip_equals_the_pytorch_network_within_1e_4_of_full_scale():
    made = prepare(KwsOptions(chip="ideal", chips=1, utterances=120), quiet)
    inputs, graph = torch.cat([made.calibration, made.inputs]), made.compiled.graph
    full_scale = float(inputs.abs().max())
    chip = bring_up(made.compiled, Instance(0), {INPUT: inputs}, "none", clipped_share=0.0)
    outputs = chip.engine().run({INPUT: input_ticks(made.inputs, full_scale, made.chip.timing)}, None)
    wanted = made.inputs
    for name in LAYERS:
        wanted = wanted @ graph.weights[name]
        wanted = torch.relu(wanted) if name != LAYERS[-1] else wanted
        span = chip.calibration.ranges[name]
        ramp = chip.calibration.ramps[made.compiled.mapping.groups_of(name)[0].index]
        error = span.values(outputs[name][0], ramp) - wanted
        assert float(error.abs().max()) < 1e-4 * span.output_full_scale


def test_four_tiles_and_a_frame_of_eight_steps(prepared: Prepared):
    schedule = prepared.compiled.routing.chips[0]
    tiles = [tile.wp1.layer for tile in prepared.compiled.mapping.tiles]
    assert sorted(tiles) == ["layer0", "layer0", "layer1", "layer2"]
    assert schedule.interval_steps * prepared.chip.timing.step_ns == 2400
    assert [len({i.phase for i in step.integrations}) for step in schedule.steps[:8]] == [1] * 8


def test_chip_is_close_to_the_software_and_the_same_every_time(prepared: Prepared):
    runs = [spot(prepared, bring_up_chip(prepared, 0)) for _ in range(2)]
    assert torch.equal(runs[0].predicted, runs[1].predicted)
    for name in LAYERS:
        assert torch.equal(runs[0].mac[name].chip, runs[1].mac[name].chip)
        assert runs[0].mac[name].correlation > 0.98
    labels = prepared.speech.labels
    software = float((prepared.software == labels).float().mean())
    assert float((runs[0].predicted == labels).float().mean()) > software - 0.06


def test_result_holds_what_it_promises():
    result = run_kws(KwsOptions(chips=2, utterances=48, drift_times_s=(604_800.0,)))
    assert len(result["chip_accuracy"]["per_chip"]) == 2
    low, high = result["chip_accuracy"]["ci95"]
    assert low <= result["chip_accuracy"]["mean"] <= high
    assert result["iso_limit"] == pytest.approx(0.99 * result["software_accuracy"])
    assert result["data"]["kind"] == "synthetic"
    assert (result["frame_steps"], result["frame_interval_ns"], result["tiles"]) == (8, 2400, 4)
    assert 0.97 < result["analog_yield"] < 1
    assert result["mean_weight_error"] < 0.03
    assert {"mac_sigma", "correlation"} <= result["layers"][0].keys()
    assert [point["time_s"] for point in result["figures"]["drift"]] == [0.0, 604_800.0]
    assert sum(map(sum, result["figures"]["confusion_chip"])) == result["n_utterances"] == 48
    assert not math.isnan(result["layers"][2]["mac_sigma"])


def test_without_balance_the_frame_is_shorter_and_the_products_worse():
    plain = prepare(KwsOptions(chips=1, utterances=120, balanced=False, calibrated=False), quiet)
    balanced = prepare(KwsOptions(chips=1, utterances=120, calibrated=False), quiet)
    errors = [spot(made, bring_up_chip(made, 0)).mac["layer1"].sigma for made in (plain, balanced)]
    assert errors[0] > 1.3 * errors[1]
    assert plain.compiled.routing.chips[0].interval_steps == 4
