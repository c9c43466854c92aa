"""The front end of the RNN-T while audio arrives: the same log-mel frames, normalised by what was heard so far.

The offline front end shifts and scales each feature by its mean and deviation over the whole recording, which is not
known while it lasts. Here both are taken over everything heard so far, at least the first second: that second is held
back. Audio is worked on in blocks of 60 ms however it arrives, so the result depends on the audio alone.

Shapes: N samples, K frames of 10 ms, T spliced frames of 30 ms.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.speech.audio import SAMPLE_RATE_HZ
from pcmesh.speech.front_ends.rnnt import (
    DEVIATION_FLOOR,
    FEATURES,
    N_MELS,
    SHORTEST_SAMPLES,
    SPLICE,
    STRIDE_SAMPLES,
    feature_frames,
    log_mel,
    splice,
)

HELD_BACK_FRAMES = 33
"""Spliced frames (0.99 s) whose statistics the first frames wait for."""
TYPICAL_DEVIATION, TYPICAL_FRAMES = 2.5, 10
"""Deviation of log-mel features (nat, typical of speech: assumed) that counts as so many frames, against silence."""
_BLOCK_FRAMES = 2 * SPLICE
_MARGIN_FRAMES = 2


@dataclass
class CausalFrontEnd:
    """Turns pieces of audio into normalised, spliced frames.

    Attributes:
        wave: (N,) float32, what was heard from frame `first` on; what came before is not needed any more.
        first, mel_frames: frames of 10 ms before `wave`, and those that are computed.
        waiting: spliced frames that are not normalised yet.
        count, total, squares: number of spliced frames seen, and their sums and sums of squares (240,) float64.
    """

    wave: Tensor = field(default_factory=lambda: torch.zeros(0))
    first: int = 0
    mel_frames: int = 0
    waiting: list[Tensor] = field(default_factory=list)
    count: int = 0
    total: Tensor = field(default_factory=lambda: torch.zeros(FEATURES, dtype=torch.float64))
    squares: Tensor = field(default_factory=lambda: torch.zeros(FEATURES, dtype=torch.float64))

    def feed(self, piece_N: Tensor) -> Tensor:
        """Take the next samples (any number, float32 at 16 kHz); return the frames (T, 240) that are ready, T >= 0."""
        self.wave = torch.cat((self.wave, piece_N))
        ready = []
        stop = self._samples(self.mel_frames + _BLOCK_FRAMES + _MARGIN_FRAMES)
        while len(self.wave) >= stop:
            logs = log_mel(self.wave[:stop])[self.mel_frames - self.first :][:_BLOCK_FRAMES]
            ready.append(self._normalised(splice(logs)))
            self.mel_frames += _BLOCK_FRAMES
            self.wave = self.wave[self._samples(self.mel_frames - _MARGIN_FRAMES) :]
            self.first = self.mel_frames - _MARGIN_FRAMES
            stop = self._samples(self.mel_frames + _BLOCK_FRAMES + _MARGIN_FRAMES)
        return torch.cat(ready) if ready else torch.zeros(0, FEATURES)

    def _samples(self, frame: int) -> int:
        """Return where a frame of 10 ms begins in `wave`."""
        return (frame - self.first) * STRIDE_SAMPLES

    def finish(self) -> Tensor:
        """Return the last frames (T, 240).

        Raises:
            InputError: less than 481 samples were fed.
        """
        samples = self.first * STRIDE_SAMPLES + len(self.wave)
        if samples < SHORTEST_SAMPLES:
            raise InputError(
                f"the stream ended after {samples} samples ({1000 * samples / SAMPLE_RATE_HZ:.1f} ms)",
                f"Give at least {SHORTEST_SAMPLES} samples (just over 30 ms) at 16 kHz",
            )
        logs = log_mel(self.wave)[self.mel_frames - self.first :]
        left = feature_frames(samples) - self.mel_frames // SPLICE
        spliced = splice(logs)[:left] if left > 0 else torch.zeros(0, SPLICE * N_MELS)
        return self._normalised(spliced, last=True)

    def _normalised(self, spliced_TF: Tensor, last: bool = False) -> Tensor:
        found = []
        for frame in spliced_TF:
            self.count += 1
            self.total += frame
            self.squares += frame.double().square()
            self.waiting.append(frame)
            if self.count >= HELD_BACK_FRAMES:
                found += self._release()
        if last:
            found += self._release()
        return torch.stack(found) if found else torch.zeros(0, FEATURES)

    def _release(self) -> list[Tensor]:
        mean = self.total / self.count
        spread = (self.squares - self.total * mean).clamp(min=0) + TYPICAL_FRAMES * TYPICAL_DEVIATION**2
        deviation = (spread / (self.count - 1 + TYPICAL_FRAMES)).sqrt().float() + DEVIATION_FLOOR
        released = [(frame - mean.float()) / deviation for frame in self.waiting]
        self.waiting = []
        return released
