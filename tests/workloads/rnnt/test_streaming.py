"""Transcription while audio arrives."""

import io

import pytest
import torch

from pcmesh.errors import InputError
from pcmesh.speech.front_ends.rnnt import feature_frames, log_mel, splice
from pcmesh.speech.front_ends.rnnt_streaming import HELD_BACK_FRAMES, TYPICAL_DEVIATION, TYPICAL_FRAMES, CausalFrontEnd
from pcmesh.workloads.rnnt.listening.recognition import encode, recognise
from pcmesh.workloads.rnnt.listening.streaming import StreamingRecogniser, pcm_pieces, stream
from tests.workloads.rnnt.networks import random_network


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def frames_of(wave: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    front_end, found, start = CausalFrontEnd(), [], 0
    for size in sizes:
        found.append(front_end.feed(wave[start : start + size]))
        start += size
    return torch.cat([*found, front_end.feed(wave[start:]), front_end.finish()])


@pytest.mark.parametrize("samples", [481, 5_000, 16_000, 16_160, 24_001, 48_000])
def test_frames_are_those_of_the_whole_recording_but_for_the_normalisation(samples: int):
    wave = noise(samples)
    found = frames_of(wave, [])
    count = feature_frames(samples)
    assert found.shape == (count, 240)
    # An oracle in float64: statistics of everything up to a frame, at least of what is held back.
    logs = splice(log_mel(wave))[:count].double()
    for frame in (0, count // 2, count - 1):
        heard = logs[: min(max(frame + 1, HELD_BACK_FRAMES), count)]
        mean = heard.mean(0)
        spread = (heard - mean).square().sum(0) + TYPICAL_FRAMES * TYPICAL_DEVIATION**2
        wanted = (logs[frame] - mean) / ((spread / (len(heard) - 1 + TYPICAL_FRAMES)).sqrt() + 1e-5)
        assert torch.allclose(found[frame].double(), wanted, atol=1e-3)


def test_frames_do_not_depend_on_how_the_audio_arrives():
    wave = noise(20_011)
    assert torch.equal(frames_of(wave, [1, 7, 959, 3_000]), frames_of(wave, [20_011]))


def test_too_short_a_stream_is_refused():
    with pytest.raises(InputError, match="ended after 480 samples"):
        frames_of(noise(480), [])


def test_letters_equal_those_of_the_whole_recording_with_the_same_features():
    network = random_network(gain=3.0, blank_bias=2.0)
    wave = noise(30_000)
    recogniser = StreamingRecogniser(network)
    written = [letter for piece in torch.split(wave, 1_600) for letter in recogniser.feed(piece)] + recogniser.finish()
    assert written == recogniser.labels
    features = frames_of(wave, [])
    assert len(encode(network, [features])[0]) == -(-len(features) // 2)
    assert tuple(written) == recognise(network, [features])[0].labels
    assert len(written) > 5


def test_raw_audio_from_a_pipe():
    samples = (noise(5_000) * 32767).to(torch.int16)
    pieces = list(pcm_pieces(io.BytesIO(samples.numpy().tobytes() + b"x")))
    assert torch.allclose(torch.cat(pieces), samples / 32768.0)
    network = random_network(blank_bias=0.0)
    whole = StreamingRecogniser(network)
    assert [*whole.feed(torch.cat(pieces)), *whole.finish()] == [
        x for letters in stream(network, pieces) for x in letters
    ]
