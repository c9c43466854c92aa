"""Transcription while audio arrives: text as soon as the network writes it (in software).

The encoder takes a frame of 60 ms at a time and keeps its state; the front end's normalisation is made causal
(`speech.rnnt_streaming`), so the text may differ from that of the whole recording, but is the same however it arrives.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from pcmesh.speech.audio import SAMPLE_RATE_HZ
from pcmesh.speech.front_ends.rnnt_streaming import CausalFrontEnd
from pcmesh.workloads.rnnt.listening.decoder import MAX_LETTERS_PER_FRAME, predict
from pcmesh.workloads.rnnt.network import EncoderState, RnntNetwork, State

PIECE_SAMPLES = 1_600


@dataclass
class StreamingRecogniser:
    """Writes letters while samples arrive.

    Attributes:
        network: in evaluation mode.
        front_end: its state.
        labels: all letters written so far.
        frames: spliced frames that wait for the rest of their stack.
    """

    network: RnntNetwork
    front_end: CausalFrontEnd = field(default_factory=CausalFrontEnd)
    labels: list[int] = field(default_factory=list)
    frames: list[Tensor] = field(default_factory=list)
    _encoder: EncoderState | None = None
    _part: Tensor | None = None
    _state: State | None = None

    @torch.inference_mode()
    def feed(self, piece_N: Tensor) -> list[int]:
        """Take samples (any number, float32 at 16 kHz) and return the letters that they bring."""
        return self._take(self.front_end.feed(piece_N))

    @torch.inference_mode()
    def finish(self) -> list[int]:
        """Return the last letters; InputError where hardly anything was fed."""
        written = self._take(self.front_end.finish())
        return written + (self._encode(self.frames) if self.frames else [])

    def _take(self, features_TF: Tensor) -> list[int]:
        written: list[int] = []
        for frame in features_TF:
            self.frames.append(frame)
            if len(self.frames) == self.network.widths.stack:
                written += self._encode(self.frames)
                self.frames = []
        return written

    def _encode(self, frames: list[Tensor]) -> list[int]:
        stack = self.network.widths.stack
        features = torch.zeros(stack, 1, self.network.widths.features)
        features[: len(frames), 0] = torch.stack(frames)
        encoded, self._encoder = self.network.encoder(features, torch.tensor([len(frames)]), self._encoder)
        return self._decode(self.network.joint.encoder_part(encoded[0]))

    def _decode(self, part_1J: Tensor) -> list[int]:
        written: list[int] = []
        if self._part is None:
            self._predict(self.network.blank)
        for _ in range(MAX_LETTERS_PER_FRAME):
            assert self._part is not None
            letter = int(self.network.joint(part_1J, self._part).argmax())
            if letter == self.network.blank:
                break
            written.append(letter)
            self._predict(letter)
        self.labels += written
        return written

    def _predict(self, label: int) -> None:
        self._part, self._state = predict(self.network, torch.tensor([label]), self._state)


def stream(network: RnntNetwork, pieces: Iterable[Tensor]) -> Iterator[list[int]]:
    """Yield the letters of each piece of audio, and of the end; errors as `CausalFrontEnd.finish`."""
    recogniser = StreamingRecogniser(network)
    for piece in pieces:
        yield recogniser.feed(piece)
    yield recogniser.finish()


def at_real_time(wave_N: Tensor) -> Iterator[Tensor]:
    """Yield a recording in pieces of 100 ms, each when it would have been heard."""
    started = time.monotonic()
    for number, piece in enumerate(torch.split(wave_N, PIECE_SAMPLES)):
        due = started + (number + 1) * PIECE_SAMPLES / SAMPLE_RATE_HZ
        time.sleep(max(due - time.monotonic(), 0.0))
        yield piece


def pcm_pieces(source: BinaryIO) -> Iterator[Tensor]:
    """Yield raw audio (signed 16 bit, little endian, mono, 16 kHz) as it arrives; an odd last byte is dropped."""
    kept = b""
    while data := source.read(2 * PIECE_SAMPLES):
        kept += data
        whole = len(kept) - len(kept) % 2
        samples, kept = kept[:whole], kept[whole:]
        yield torch.from_numpy(np.frombuffer(samples, dtype="<i2").astype(np.float32) / 32768.0)
