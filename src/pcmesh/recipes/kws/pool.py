"""The training pool of the keyword network: augmented clips as network pixels with the teacher's answers, in shards.

A shard depends only on the recipe and its number, so a run cut off makes the missing ones, and workers share the work.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.files.writing import whole_file, write_text
from pcmesh.random import torch_generator
from pcmesh.recipes.kws.teacher import Teacher
from pcmesh.speech.datasets import load_speech_commands
from pcmesh.speech.front_ends.keywords import (
    CLIP_SAMPLES,
    centre_word,
    cepstrum,
    keyword_features,
    normalise_level,
    power_spectrogram,
)
from pcmesh.speech.types import KEYWORD_CLASSES, SILENCE
from pcmesh.speech.voices.augmentation import AugmentConfig, add_noise, reverberate, warp_spectrum, warp_time
from pcmesh.speech.voices.synthesis import synthesise_keywords
from pcmesh.workloads.kws.network import PIXELS

_BATCH = 250
_CLIPS_PER_SILENCE = 200
_CERTAIN_LOGIT = 20.0


@dataclass(frozen=True, kw_only=True)
class KeywordPoolConfig:
    """What the pool is made of.

    Attributes:
        shards: number of shards.
        shard_clips: clips in a shard, a multiple of 250.
        synthetic_words: number of different synthetic utterances.
        synthetic_share: share of clips that start from a synthetic utterance; the others start from a recording.
        augment: how far clips are taken from their originals.
        seed: of the stream `training`.
    """

    shards: int = 40
    shard_clips: int = 10_000
    synthetic_words: int = 12_000
    synthetic_share: float = 0.3
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class KeywordPool:
    """Augmented clips: pixels float16 (B, 1024), labels int64 (B,), teacher's logits float16 (B, 12)."""

    pixels: Tensor
    labels: Tensor
    logits: Tensor


@dataclass(frozen=True, kw_only=True)
class _Sources:
    recorded: Tensor
    recorded_labels: Tensor
    synthetic: Tensor
    synthetic_labels: Tensor
    noises: Tensor
    teacher: Teacher
    kept: Tensor


def choose_pixels(data: Path) -> Tensor:
    """Return the positions (1024,) of the features with the largest mean magnitude on validation data, sorted."""
    features = keyword_features(load_speech_commands(data, "validation").waves)
    return features.abs().mean(0).flatten().topk(PIXELS).indices.sort().values


def make_pool(
    config: KeywordPoolConfig,
    data: Path,
    teacher: Path,
    folder: Path,
    workers: int,
    report: Callable[[int, int], None],
) -> KeywordPool:
    """Make the shards that `folder` lacks and return all of them.

    Args:
        config: the recipe.
        data: Speech Commands with a train and a validation split.
        teacher: folder of `ds_cnn.npz`.
        folder: where the shards are kept; one recipe only.
        workers: processes; 0 for this one alone.
        report: called with the number of shards done and wanted.

    Raises:
        InputError: the folder holds shards of another recipe, or data or teacher cannot be read.
    """
    _claim(folder, config)
    missing = [number for number in range(config.shards) if not _shard_file(folder, number).exists()]
    report(config.shards - len(missing), config.shards)
    if missing:
        Teacher(teacher)  # its errors belong to the caller, not to a worker
        start = partial(_hold_sources, config, data, teacher, choose_pixels(data))
        jobs = [partial(_write_shard, config, folder, number) for number in missing]
        for done, _ in enumerate(_run(start, jobs, workers), start=config.shards - len(missing) + 1):
            report(done, config.shards)
    shards = [load_file(_shard_file(folder, number)) for number in range(config.shards)]
    shards.append(_digital_silence(choose_pixels(data), config.shards * config.shard_clips // _CLIPS_PER_SILENCE))
    return KeywordPool(
        **{name: torch.cat([shard[name] for shard in shards]) for name in ("pixels", "labels", "logits")}
    )


def _digital_silence(kept: Tensor, count: int) -> dict[str, Tensor]:
    """Return clips of zeros alone, which no recording of a room resembles; the teacher is not defined for them."""
    silence = torch.full((count,), KEYWORD_CLASSES.index(SILENCE))
    pixels = keyword_features(torch.zeros(1, CLIP_SAMPLES)).flatten(1)[:, kept]
    return {
        "pixels": pixels.half().expand(count, -1),
        "labels": silence,
        "logits": (_CERTAIN_LOGIT * F.one_hot(silence, len(KEYWORD_CLASSES))).half(),
    }


def _claim(folder: Path, config: KeywordPoolConfig) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = {name: value for name, value in asdict(config).items() if name != "shards"}
    text = json.dumps(recipe, indent=1, sort_keys=True)
    claim = folder / "recipe.json"
    if claim.exists() and claim.read_text(encoding="utf-8") != text:
        raise InputError(
            f"{folder}: holds shards of another recipe", "Remove the folder, or give another one with --work"
        )
    write_text(claim, text)


def _shard_file(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:04d}.safetensors"


_held_sources: _Sources | None = None


def _hold_sources(config: KeywordPoolConfig, data: Path, teacher: Path, kept: Tensor) -> None:
    global _held_sources  # a process keeps its inputs from shard to shard
    _held_sources = _load_sources(config, data, teacher, kept)


def _run(start: Callable[[], None], jobs: list[partial[None]], workers: int) -> Iterator[None]:
    """Run the jobs, after `start`, in so many processes of one thread each; with 0 workers in this process."""
    if workers == 0:
        start()
        yield from (job() for job in jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(start,)) as executor:
        for future in as_completed([executor.submit(job) for job in jobs]):
            yield future.result()


def _start_worker(start: Callable[[], None]) -> None:
    torch.set_num_threads(1)
    start()


def _load_sources(config: KeywordPoolConfig, data: Path, teacher: Path, kept: Tensor) -> _Sources:
    recorded = load_speech_commands(data, "train")
    synthetic = synthesise_keywords(config.synthetic_words, "train", config.seed)
    return _Sources(
        recorded=recorded.waves,
        recorded_labels=recorded.labels,
        synthetic=synthetic.waves,
        synthetic_labels=synthetic.labels,
        noises=recorded.waves[recorded.labels == KEYWORD_CLASSES.index(SILENCE)],
        teacher=Teacher(teacher),
        kept=kept,
    )


def _write_shard(config: KeywordPoolConfig, folder: Path, number: int) -> None:
    assert _held_sources is not None
    generator = torch_generator(config.seed, "training", "pool", number)
    batches = [_batch(config, _held_sources, generator) for _ in range(config.shard_clips // _BATCH)]
    tensors = {
        name: torch.cat(parts)
        for name, parts in zip(("pixels", "labels", "logits"), zip(*batches, strict=True), strict=True)
    }
    with whole_file(_shard_file(folder, number)) as temporary:
        temporary.write_bytes(save(tensors))


def _batch(config: KeywordPoolConfig, sources: _Sources, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return pixels, labels and teacher's logits of one batch; the teacher hears what the student hears."""
    waves_BN, labels = _draw(config, sources, generator)
    waves_BN = warp_time(waves_BN, config.augment, generator)
    in_room = torch.rand(_BATCH, generator=generator) < config.augment.reverb_share
    waves_BN[in_room] = reverberate(waves_BN[in_room], generator)
    waves_BN = add_noise(waves_BN, sources.noises, config.augment, generator)
    waves_BN = normalise_level(centre_word(waves_BN))
    magnitude_BTF = warp_spectrum(power_spectrogram(waves_BN).sqrt(), config.augment, generator)
    pixels = cepstrum(magnitude_BTF.square()).flatten(1)[:, sources.kept]
    logits = sources.teacher.logits(sources.teacher.features(magnitude_BTF, waves_BN.amax(1)))
    return pixels.half(), labels, logits.half()


def _draw(config: KeywordPoolConfig, sources: _Sources, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    synthetic = round(_BATCH * config.synthetic_share)
    mine = torch.randint(len(sources.recorded), (_BATCH - synthetic,), generator=generator)
    made = torch.randint(len(sources.synthetic), (synthetic,), generator=generator)
    waves = torch.cat((sources.recorded[mine], sources.synthetic[made]))
    return waves, torch.cat((sources.recorded_labels[mine], sources.synthetic_labels[made]))
