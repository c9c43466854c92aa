"""The training pool of the RNN-T: log-mel frames of spoken sentences with their letters, in shards.

A shard depends only on the recipe and its number: several runs make them in any order, and a run cut off goes on.

Shapes: K frames of 10 ms of all sentences of a shard one after another, M mel bands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.files.writing import whole_file, write_text
from pcmesh.random import numpy_generator, stream_key, torch_generator
from pcmesh.speech.front_ends.rnnt import STRIDE_SAMPLES, log_mel
from pcmesh.speech.sentences import training_sentences
from pcmesh.speech.transcripts import to_labels
from pcmesh.speech.voices.espeak import restart
from pcmesh.speech.voices.flite import speak_flite
from pcmesh.speech.voices.piper import PiperVoice
from pcmesh.speech.voices.prompts import prompt_transcripts, read_prompt
from pcmesh.speech.voices.spoken import Samples, Spoken, Surroundings, at_16_khz, hear, say_with_espeak, trim
from pcmesh.speech.voices.synthesis import voices_of_split

FLITE_TRAINING_VOICES = ("awb", "slt", "kal16")
"""The fourth voice, rms, is kept for tests."""

LONGEST_S = 7.0


@dataclass(frozen=True, kw_only=True)
class PoolConfig:
    """What the pool is made of.

    Attributes:
        shard_sentences: sentences in a shard.
        flite_share: share of the sentences that flite says.
        piper_share: share that the neural voice says.
        prompt_share: share that are recorded prompts (each played in many ways).
        wordnet_share: share of the synthetic sentences that come from WordNet; the others from the Bible.
        loose_share: share of the synthetic sentences that are one to six words at random, rare ones as often as others.
        surroundings: how sentences are heard.
        seed: of the stream `training`.
    """

    shard_sentences: int = 2_000
    flite_share: float = 0.06
    piper_share: float = 0.02
    prompt_share: float = 0.04
    wordnet_share: float = 0.35
    loose_share: float = 0.1
    surroundings: Surroundings = field(default_factory=Surroundings)
    seed: int = 0


@dataclass(frozen=True)
class Shard:
    """Sentences ready for training.

    Attributes:
        frames_KM: float16, natural logs of mel powers; a multiple of three frames for each sentence.
        lengths: int64, frames of each sentence.
        labels: int64, letters of all sentences one after another.
        label_lengths: int64, letters of each sentence.
    """

    frames_KM: Tensor
    lengths: Tensor
    labels: Tensor
    label_lengths: Tensor


class Pool:
    """Shards in a folder, made when they are asked for.

    Raises:
        InputError: the folder holds shards of another recipe, or a source of speech or text is missing.
    """

    def __init__(self, config: PoolConfig, folder: Path) -> None:
        self.config = config
        self._folder = folder
        self._sources: _Sources | None = None
        _claim(folder, config)

    def has(self, number: int) -> bool:
        """Say whether a shard exists already."""
        return self._file(number).exists()

    def shard(self, number: int) -> Shard:
        """Return a shard, made now unless it exists."""
        if not self.has(number):
            self.make(number)
        tensors = load_file(self._file(number))
        return Shard(
            tensors["frames"], tensors["lengths"].long(), tensors["labels"].long(), tensors["label_lengths"].long()
        )

    def make(self, number: int) -> None:
        """Make a shard."""
        self._sources = self._sources or _Sources(self.config)
        frames, lengths, labels = [], [], []
        for spoken in self._sources.sentences(number):
            logs_KM = log_mel(torch.from_numpy(spoken.wave))[: len(spoken.wave) // STRIDE_SAMPLES]
            frames.append(logs_KM.half())
            lengths.append(len(logs_KM))
            labels.append(to_labels(spoken.text))
        tensors = {
            "frames": torch.cat(frames),
            "lengths": torch.tensor(lengths, dtype=torch.int32),
            "labels": torch.tensor([label for row in labels for label in row], dtype=torch.uint8),
            "label_lengths": torch.tensor([len(row) for row in labels], dtype=torch.int32),
        }
        with whole_file(self._file(number)) as temporary:
            temporary.write_bytes(save(tensors))

    def _file(self, number: int) -> Path:
        return self._folder / f"shard-{number:04d}.safetensors"


class _Sources:
    """Texts, voices and recordings, read once."""

    def __init__(self, config: PoolConfig) -> None:
        self.config = config
        self.bible, self.wordnet = training_sentences()
        self.words = sorted({word for text in (*self.bible, *self.wordnet) for word in text.split()})
        self.voices = voices_of_split("train")
        self.prompts = self._read_prompts() if config.prompt_share else []

    def _read_prompts(self) -> list[tuple[str, Samples]]:
        read = [(text, trim(read_prompt(file))) for file, text in prompt_transcripts("train").items()]
        return [(text, wave) for text, wave in read if 0 < len(wave) / 16_000 < LONGEST_S]

    def sentences(self, number: int) -> Iterator[Spoken]:
        """Yield the sentences of a shard."""
        seed, config = self.config.seed, self.config
        generator = numpy_generator(seed, "training", "sentences", number)
        noise = torch_generator(seed, "training", "surroundings", number)
        restart(stream_key(seed, "training", "espeak", number))
        piper = PiperVoice(stream_key(seed, "training", "piper", number)) if config.piper_share else None
        made = 0
        while made < config.shard_sentences:
            text, wave, voice = self._say(generator, piper)
            heard = hear(wave, config.surroundings, generator, noise)
            if len(heard) <= LONGEST_S * 16_000:
                made += 1
                yield Spoken(text, voice, heard)

    def _say(self, generator: np.random.Generator, piper: PiperVoice | None) -> tuple[str, Samples, str]:
        config, draw = self.config, generator.random()
        if draw < config.prompt_share:
            text, wave = self.prompts[generator.integers(len(self.prompts))]
            return text, wave, "prompt"
        text = self._text(generator)
        stretch = float(generator.uniform(0.9, 1.3))
        draw -= config.prompt_share
        if draw < config.flite_share:
            voice = FLITE_TRAINING_VOICES[generator.integers(len(FLITE_TRAINING_VOICES))]
            return text, trim(at_16_khz(*speak_flite(text, voice, stretch))), f"flite {voice}"
        if piper is not None and draw - config.flite_share < config.piper_share:
            return text, trim(at_16_khz(*piper.speak(text, stretch))), "piper joe"
        wave, voice = say_with_espeak(text, self.voices, generator)
        return text, wave, voice

    def _text(self, generator: np.random.Generator) -> str:
        draw = generator.random()
        if draw < self.config.loose_share:
            chosen = generator.integers(len(self.words), size=generator.integers(1, 7))
            return " ".join(self.words[word] for word in chosen)
        in_wordnet = draw - self.config.loose_share < self.config.wordnet_share
        source = self.wordnet if in_wordnet else self.bible
        return source[generator.integers(len(source))]


def _claim(folder: Path, config: PoolConfig) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(config), indent=1, sort_keys=True)
    claim = folder / "recipe.json"
    if claim.exists() and claim.read_text(encoding="utf-8") != text:
        raise InputError(
            f"{folder}: holds shards of another recipe", "Remove the folder, or give another one with --work"
        )
    write_text(claim, text)
