"""A trained network from PyPI on the chip: Silero's speech detector, against its own decisions.

    python examples/speech_detector.py [RECORDINGS...]
    pcmesh sensitivity examples/speech_detector.py:make_model --data examples/speech_detector.py:batches

The weights are those that the `silero-vad` package carries (MIT). Without recordings it listens to synthetic speech
with pauses and noise. A decision is made every 32 ms: speech where the probability is above 0.5.
"""

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import soxr
import torch
from silero_vad import load_silero_vad
from torch import Tensor, nn
from torch.export import Dim

import pcmesh
from pcmesh.random import numpy_generator
from pcmesh.speech.audio import load_audio
from pcmesh.speech.voices.espeak import english_voices, speak

RATE_HZ, CHUNK, CONTEXT = 16_000, 512, 64
SENTENCES = (
    "the quick brown fox jumps over the lazy dog", "please call me back tomorrow morning",
    "what time does the train leave",
    "there is nothing to see here", "she sells sea shells by the sea shore", "turn the lights off and close the door",
)  # fmt: skip


class SpeechDetector(nn.Module):
    """Silero VAD for 16 kHz: a Fourier basis, four convolutions, an LSTM over chunks, one output."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, 128, bias=False)
        self.conv1, self.conv2 = nn.Conv1d(129, 128, 3, 1, 1), nn.Conv1d(128, 64, 3, 2, 1)
        self.conv3, self.conv4 = nn.Conv1d(64, 64, 3, 2, 1), nn.Conv1d(64, 128, 3, 1, 1)
        self.lstm = nn.LSTM(128, 128, batch_first=True)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, wave: Tensor) -> Tensor:
        """Return the probability of speech (B, chunks) of recordings (B, samples)."""
        chunks = nn.functional.pad(wave, (CONTEXT, 0)).unfold(1, CHUNK + CONTEXT, CHUNK)
        x = chunks.reshape(-1, 1, CHUNK + CONTEXT)
        x = self.stft_conv(nn.functional.pad(x, (0, CONTEXT), mode="reflect"))
        x = (x[:, :129] ** 2 + x[:, 129:] ** 2).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x).relu()
        x, _ = self.lstm(x.reshape(wave.shape[0], -1, 128))
        return self.final_conv(x.relu().transpose(1, 2)).sigmoid().squeeze(1)


def pretrained() -> SpeechDetector:
    """Return the detector with the package's weights."""
    weights = load_silero_vad().state_dict()
    names = {"stft.forward_basis_buffer": "stft_conv.weight"}
    for part in ("weight", "bias"):
        names |= {f"encoder.{i}.reparam_conv.{part}": f"conv{i + 1}.{part}" for i in range(4)}
        names |= {f"decoder.rnn.{part}_{side}": f"lstm.{part}_{side}_l0" for side in ("ih", "hh")}
        names[f"decoder.decoder.2.{part}"] = f"final_conv.{part}"
    network = SpeechDetector()
    network.load_state_dict({own: weights[f"_model.{theirs}"] for theirs, own in names.items()})
    return network.eval()


def synthetic(recordings: int, seconds: float, stream: str) -> Tensor:
    """Return recordings (B, samples) of synthetic sentences, pauses between them, and noise 10 to 40 dB below."""
    voices, length = english_voices(), int(seconds * RATE_HZ) // CHUNK * CHUNK
    made = np.zeros((recordings, length), np.float32)
    for number in range(recordings):
        generator = numpy_generator(0, "data", stream, number)
        place = int(generator.uniform(0.2, 1.0) * RATE_HZ)
        while place < length:
            text, voice = str(generator.choice(SENTENCES)), str(generator.choice(voices))
            said = soxr.resample(*speak(text, voice, 120 + int(generator.integers(80))), RATE_HZ)
            if not said.any():
                continue
            part = said[: length - place]
            made[number, place : place + len(part)] += (
                part * generator.uniform(0.2, 0.9) / max(np.abs(said).max(), 1e-6)
            )
            place += len(said) + int(generator.uniform(0.4, 1.6) * RATE_HZ)
        level = 10 ** (-generator.uniform(10, 40) / 20) * made[number].std()
        made[number] += (level * generator.standard_normal(length)).astype(np.float32)
    return torch.from_numpy(made)


class Decisions(nn.Module):
    """The detector with two outputs for each chunk, (B, chunks, 2): silence and speech."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, wave: Tensor) -> Tensor:
        """Return the probabilities of recordings (B, samples)."""
        speech = self.detector(wave)
        return torch.stack([1 - speech, speech], dim=-1)


def make_model() -> nn.Module:
    return Decisions(pretrained())


def batches() -> Iterator[Tensor]:
    yield synthetic(24, 6.0, "test")


def agreement(a: Tensor, b: Tensor) -> float:
    """Return the share of equal decisions."""
    return float(((a > 0.5) == (b > 0.5)).float().mean())


def main(recordings: Sequence[str] = (), synthetic_recordings: int = 8) -> dict[str, float]:
    network = pretrained()
    calibration = synthetic(synthetic_recordings, 8.0, "calibration")
    any_length = {"wave": {0: Dim.AUTO, 1: Dim.AUTO}}
    chip_model = pcmesh.compile(network, calibration, dynamic_shapes=any_length, name="Silero VAD")
    print(chip_model.summary())
    if recordings:
        waves = [load_audio(name) for name in recordings]
        waves = [wave[: len(wave) // CHUNK * CHUNK][None] for wave in waves]
    else:
        waves = [synthetic(synthetic_recordings, 10.0, "test")]
    with torch.no_grad():
        wanted = torch.cat([network(wave).flatten() for wave in waves])
    chips = {
        "chip": chip_model, "a week later": chip_model.at("1w"), "recalibrated": chip_model.at("1w").recalibrate(),
    }  # fmt: skip
    found = {}
    print(f"\n{len(wanted)} decisions, {float((wanted > 0.5).float().mean()):.0%} of them speech in software")
    for name, model in chips.items():
        got = torch.cat([model(wave).flatten() for wave in waves])
        found[name] = agreement(got, wanted)
        print(f"{name:<14}{found[name]:.1%} equal decisions, mean difference {float((got - wanted).abs().mean()):.3f}")
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
