"""What a set of utterances is, and the twelve classes that a keyword spotter tells apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pcmesh.errors import InputError

SILENCE, UNKNOWN = "_silence_", "_unknown_"
KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
KEYWORD_CLASSES = (SILENCE, UNKNOWN, *KEYWORDS)

Split = Literal["train", "validation", "test", "all"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test", "all")


@dataclass(frozen=True, kw_only=True)
class SpeechSet:
    """Utterances of one second at 16 kHz with their labels; B of them.

    Attributes:
        waves: float32 (B, 16000), samples in [-1, 1].
        labels: int64 (B,), positions in `class_names`.
        utterance_ids: stable names, one for each utterance; the chip's read noise is keyed by them.
        class_names: name of each class, in the order of the network's outputs.
        kind: `real` recordings or `synthetic` speech.
        source: where the utterances come from, for people.
    """

    waves: Tensor
    labels: Tensor
    utterance_ids: tuple[str, ...]
    class_names: tuple[str, ...]
    kind: Literal["real", "synthetic"]
    source: str

    def __post_init__(self) -> None:
        counts = {self.waves.shape[0], self.labels.shape[0], len(self.utterance_ids)}
        if len(counts) != 1:
            raise InputError(f"waves, labels and utterance_ids differ in number: {sorted(counts)}")

    def __len__(self) -> int:
        return len(self.utterance_ids)

    def subset(self, positions: Tensor) -> SpeechSet:
        """Return the utterances at the given positions (int64)."""
        return SpeechSet(
            waves=self.waves[positions],
            labels=self.labels[positions],
            utterance_ids=tuple(self.utterance_ids[int(i)] for i in positions),
            class_names=self.class_names,
            kind=self.kind,
            source=self.source,
        )

    def first(self, count: int) -> SpeechSet:
        """Return the first `count` utterances."""
        return self.subset(torch.arange(min(count, len(self))))

    def batches(self, size: int) -> Iterator[SpeechSet]:
        """Yield the set in pieces of at most `size` utterances, in order."""
        for start in range(0, len(self), size):
            yield self.subset(torch.arange(start, min(start + size, len(self))))
