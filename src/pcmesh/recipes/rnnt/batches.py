"""Mini-batches of the RNN-T: sentences of like length from the pool's shards, each time in another voice and filter.

Shapes: B sentences, K frames of 10 ms, T frames of 30 ms, M mel bands, F features, U letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pcmesh.random import torch_generator
from pcmesh.recipes.rnnt.pool import Pool, Shard
from pcmesh.speech.front_ends.rnnt import N_MELS, SPLICE, normalise, splice

_STRETCHES = 21


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """How sentences become mini-batches.

    Attributes:
        sentences: sentences in a mini-batch.
        shards: shards of the pool.
        stretch: largest change of the mel axis: another length of the vocal tract.
        masks: bands of mel, and stretches of time, that are blanked out.
        mask_bands: most mel bands of one.
        mask_frames: most frames of 30 ms of one.
        noise: standard deviation of the noise on the normalised features.
        seed: of the stream `training`.
    """

    sentences: int = 32
    shards: int = 83
    stretch: float = 0.1
    masks: int = 1
    mask_bands: int = 8
    mask_frames: int = 2
    noise: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class SpeechBatch:
    """A mini-batch: features (T, B, F) float32 and labels (B, U) int64, padded, with the valid lengths (B,)."""

    features_TBF: Tensor
    frames_B: Tensor
    labels_BU: Tensor
    letters_B: Tensor


def shard_of_visit(visit: int, shards: int) -> int:
    """Return the shard of a visit: each third one is new, the others were seen before, until all are known."""
    known, turn = divmod(visit, 3)
    return known if turn == 0 and known < shards else visit * 37 % min(known + 1, shards)


def batches_of_visit(pool: Pool, config: BatchConfig, visit: int, stack: int) -> Iterator[SpeechBatch]:
    """Yield the mini-batches of a visit; the same visit gives the same bits."""
    shard = pool.shard(shard_of_visit(visit, config.shards))
    generator = torch_generator(config.seed, "training", "visit", visit)
    frames = torch.split(shard.frames_KM, shard.lengths.tolist())
    labels = torch.split(shard.labels, shard.label_lengths.tolist())
    for chosen in _groups(shard, config.sentences, generator):
        features = [_features(frames[index], config, generator) for index in chosen]
        rows = [labels[index] for index in chosen]
        yield SpeechBatch(
            _padded(features, stack),
            torch.tensor([len(one) for one in features]),
            pad_sequence(rows, batch_first=True),
            torch.tensor([len(row) for row in rows]),
        )


def _groups(shard: Shard, size: int, generator: torch.Generator) -> list[list[int]]:
    """Return sentences of like length together, the groups in random order."""
    count = len(shard.lengths)
    order = (shard.lengths + 30 * torch.rand(count, generator=generator)).argsort().tolist()
    groups = [order[start : start + size] for start in range(0, count, size)]
    return [groups[index] for index in torch.randperm(len(groups), generator=generator).tolist()]


def _features(frames_KM: Tensor, config: BatchConfig, generator: torch.Generator) -> Tensor:
    warps = _mel_warps(config.stretch)
    warped_KM = frames_KM.float() @ warps[int(torch.randint(len(warps), (1,), generator=generator))]
    features_TF = normalise(splice(warped_KM), len(frames_KM) // SPLICE)
    if config.noise:
        features_TF += config.noise * torch.randn(features_TF.shape, generator=generator)
    blocks_TSM = features_TF.view(-1, SPLICE, N_MELS)
    for _ in range(config.masks):
        low, width = _span(N_MELS, config.mask_bands, generator)
        blocks_TSM[..., low : low + width] = 0
        start, length = _span(len(blocks_TSM), config.mask_frames, generator)
        blocks_TSM[start : start + length] = 0
    return features_TF


def _span(total: int, longest: int, generator: torch.Generator) -> tuple[int, int]:
    length = int(torch.randint(longest + 1, (1,), generator=generator))
    return int(torch.randint(max(1, total - length), (1,), generator=generator)), length


@cache
def _mel_warps(stretch: float) -> Tensor:
    """Return matrices (21, M, M) that read the mel axis at places stretched by exp(-stretch) to exp(stretch)."""
    bands = torch.arange(N_MELS, dtype=torch.float64)
    factors = torch.linspace(-stretch, stretch, _STRETCHES, dtype=torch.float64).exp()
    places = (factors[:, None] * bands).clamp(max=N_MELS - 1)
    return (1 - (places[:, None, :] - bands[:, None]).abs()).clamp(min=0).float()


def _padded(features: list[Tensor], stack: int) -> Tensor:
    """Return sentences side by side, of one of few lengths: kernels are compiled for each length anew."""
    padded_TBF = pad_sequence(features)
    missing = -len(padded_TBF) % (4 * stack)
    return torch.nn.functional.pad(padded_TBF, (0, 0, 0, 0, 0, missing))
