"""The network and the decoder against a float64 reference that works one step at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.listening.recognition import LANES, encode, recognise
from pcmesh.workloads.rnnt.network import RnntNetwork
from tests.workloads.rnnt.networks import SMALL, random_features, random_network, random_state
from tests.workloads.rnnt.reference import Reference

LENGTHS = (1, 2, 3, 37, 64, 65, 128, 131)


def test_the_paper_sized_network_has_the_parameters_of_the_published_file() -> None:
    with torch.device("meta"):
        network = RnntNetwork()
    assert network.parameters_total == 45_323_037
    assert sum(p.numel() for name, p in network.named_parameters() if "bias" not in name) == 45_276_416


@pytest.mark.parametrize("stack", [1, 2, 3])
def test_the_encoder_is_the_references(stack: int) -> None:
    widths = SMALL.model_copy(update={"stack": stack})
    features = [random_features(frames, frames) for frames in LENGTHS]
    found = encode(random_network(widths, gain=1.0), features)
    reference = Reference(random_state(widths, gain=1.0))
    for one, encoded in zip(features, found, strict=True):
        assert encoded.shape == (-(-len(one) // stack), widths.encoder)
        np.testing.assert_allclose(encoded.numpy(), reference.encode(one.numpy(), stack), rtol=0, atol=4e-6)


@pytest.mark.parametrize("blank_bias", [4.0, 8.0, 12.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_labels_and_calls_are_the_references(seed: int, blank_bias: float) -> None:
    """In float64: such large weights make recurrent networks chaotic, and rounding to float32 would show."""
    features = [random_features(frames, 100 * seed + frames).double() for frames in LENGTHS]
    reference = Reference(random_state(SMALL, seed, blank_bias))
    found = recognise(random_network(SMALL, seed, blank_bias).double(), features)
    for one, recognised in zip(features, found, strict=True):
        labels, calls, frames = reference.decode(reference.encode(one.numpy()))
        assert list(recognised.labels) == labels
        assert recognised.prediction_calls == calls
        assert list(recognised.letter_frames) == frames
        assert recognised.decoder_steps == 1 + len(labels)
        assert (recognised.feature_frames, recognised.encoder_frames) == (len(one), -(-len(one) // 2))


def test_the_random_networks_walk_every_way() -> None:
    """Frames without, with some and with the most letters, and texts of many different ones."""
    found = recognise(random_network(), [random_features(40, number) for number in range(4)])
    assert any(one.capped_frames for one in found)
    assert any(one.capped_frames < one.encoder_frames / 2 for one in found)
    assert max(len(set(one.labels)) for one in found) > 5


def test_a_network_that_never_writes_a_blank_stops_at_30_letters_a_frame() -> None:
    found = recognise(random_network(SMALL, 0, -99.0), [random_features(7)])[0]
    assert (len(found.labels), found.capped_frames, found.prediction_calls) == (120, 4, 120)
    assert found.letter_frames == tuple(frame for frame in range(4) for _ in range(30))


def test_an_utterance_has_the_same_result_alone_and_in_any_batch() -> None:
    network = random_network(SMALL, 1, 12.0)
    features = [random_features(5 + 11 * number % 61, number) for number in range(LANES + 3)]
    together = recognise(network, features)
    assert recognise(network, features[::-1]) == together[::-1]
    assert recognise(network, features[3:8]) == together[3:8]
    for number in (0, 7, LANES, LANES + 2):
        assert recognise(network, [features[number]]) == [together[number]]


def test_the_encoder_gives_the_same_bits_alone_and_in_any_batch() -> None:
    network = random_network(RnntWidths(encoder=96, prediction=12, joint=20))
    features = [random_features(70 + number, number) for number in range(LANES)]
    together = encode(network, features)
    for chosen in ([0], [9], [15, 3, 7], list(range(LANES))[::-1]):
        for position, encoded in zip(chosen, encode(network, [features[n] for n in chosen]), strict=True):
            assert torch.equal(encoded, together[position])


def test_what_stands_in_the_padding_never_reaches_an_utterance() -> None:
    network = random_network()
    features = random_features(6)[:, None].expand(-1, 2, -1).contiguous()
    poisoned = features.clone()
    poisoned[3:, 1] = 1e6
    lengths = torch.tensor([6, 3])
    with torch.no_grad():
        clean, _ = network.encoder(features, lengths)
        other, _ = network.encoder(poisoned, lengths)
    assert torch.equal(clean[:, 0], other[:, 0])
    assert torch.equal(clean[:2, 1], other[:2, 1])


def test_no_utterances_give_no_results() -> None:
    assert recognise(random_network(), []) == []
