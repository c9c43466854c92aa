"""Sensitivity of the RNN-T: every weight in one layer, words counted as without reuse, expansion, chip runs."""

from __future__ import annotations

import pytest
import torch

from pcmesh.speech.front_ends.rnnt import FEATURES
from pcmesh.speech.transcripts import to_text
from pcmesh.studies.paper.transducer_layers import (
    DECODER,
    ENCODER,
    NETWORK,
    WITHOUT_JOINT,
    WordScores,
    chip_runs,
    expanded_groups,
    rnnt_groups,
    rnnt_layers,
)
from pcmesh.workloads.rnnt.listening.recognition import recognise
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.widths import RnntWidths

WIDTHS = RnntWidths(features=FEATURES, encoder=16, prediction=8, joint=8, labels=28)


@pytest.fixture
def network() -> RnntNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = RnntNetwork(WIDTHS)
        for parameter in made.parameters():
            parameter.data.mul_(2.0)  # so that letters are written
    return made.eval().requires_grad_(False)


def test_layers_hold_every_matrix_once(network: RnntNetwork) -> None:
    parameters = dict(network.named_parameters())
    seen = {name: torch.zeros_like(value) for name, value in parameters.items() if value.dim() == 2}
    for parts in rnnt_layers(WIDTHS).values():
        for part in parts:
            part.view(seen[part.parameter]).add_(1)
    assert all(bool((value == 1).all()) for value in seen.values())
    groups = rnnt_groups(WIDTHS)
    assert len(groups[NETWORK]) == len(groups[WITHOUT_JOINT]) + 1 == len(groups[ENCODER]) + len(groups[DECODER]) + 1


def test_words_are_counted_as_without_reuse(network: RnntNetwork) -> None:
    generator = torch.Generator().manual_seed(1)
    features = tuple(torch.randn(frames, FEATURES, generator=generator) for frames in (30, 9, 21))
    texts = ("one two", "three", "four five six")
    written = [to_text(one.labels) for one in recognise(network, features)]
    assert any(written)
    scores = WordScores(features, texts)
    assert scores._written(network) == written
    assert scores._written(network) == written  # now with the encoder's outputs at hand
    network.encoder.pre_rnn.lstm.weight_ih_l0.mul_(-1)
    assert scores._written(network) == [to_text(one.labels) for one in recognise(network, features)]
    assert scores(network).possible == (2.0, 1.0, 3.0)


def test_expansion_leaves_the_layer_as_it_is_at_many_bits(network: RnntNetwork) -> None:
    groups = expanded_groups(WIDTHS)
    assert list(groups) == [f"enc-lstm0 on {rows} rows" for rows in (256, 320, 512, 768, 1024)]
    weight = network.encoder.pre_rnn.lstm.weight_ih_l0
    wx = groups["enc-lstm0 on 1024 rows"][0]
    assert torch.allclose(wx.quantised(weight, 20), weight, atol=1e-3)
    errors = [float((groups[name][0].quantised(weight, 3.5) - weight).std()) for name in groups]
    assert errors[-1] < errors[1] < errors[0]


def test_chip_runs_are_read_from_their_results() -> None:
    whole = {"layers": ["enc-fc", "dec-fc"], "wer": {"per_chip": [0.2, 0.3]}}
    assert chip_runs({"conditions": [whole]}).accuracies == pytest.approx((0.8, 0.7))
    assert not chip_runs({"conditions": [whole]}).alone
    alone = [
        {"layers": [name], "wer": {"per_chip": rates}, "nats_per_letter": {"per_chip": nats}}
        for name, rates, nats in (("enc-fc", [0.15, 0.11], [0.3, 0.3]), ("dec-fc", [0.12, 0.16], [0.2, 0.25]))
    ]
    found = chip_runs({"software": {"wer": 0.1, "nats_per_letter": 0.1}, "conditions": alone})
    assert not found.accuracies  # one layer alone says nothing of the whole
    assert found.alone["word error rate"]["dec-fc"] == pytest.approx([0.02, 0.06])
    assert found.alone["nats per letter"]["enc-fc"] == pytest.approx([0.2, 0.2])
