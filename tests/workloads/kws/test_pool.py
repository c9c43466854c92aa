from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pcmesh.errors import InputError
from pcmesh.recipes.kws.pool import KeywordPool, KeywordPoolConfig, make_pool
from pcmesh.speech.types import KEYWORD_CLASSES

CONFIG = KeywordPoolConfig(shards=2, shard_clips=250, synthetic_words=24)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """A teacher of the right shapes that knows nothing."""
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"conv0": (64, 1, 10, 4), "dense": (12, 64)}
    for block in range(1, 5):
        shapes |= {f"dw{block}": (64, 1, 3, 3), f"pw{block}": (64, 64, 1, 1)}
    arrays = {f"{name}.weight": random.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {f"{name}.bias": np.zeros(shape[0], dtype=np.float32) for name, shape in shapes.items()}
    folder = tmp_path / "teacher"
    folder.mkdir()
    np.savez(folder / "ds_cnn.npz", **arrays)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random, folder = np.random.default_rng(1), tmp_path / "data"
    folder.mkdir()
    rows = ["path,label,speaker,split"]
    for split in ("train", "validation"):
        for label in KEYWORD_CLASSES:
            soundfile.write(folder / f"{split}-{label}.wav", random.normal(0, 0.05, 16_000), 16_000)
            rows.append(f"{split}-{label}.wav,{label},,{split}")
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


def make(data: Path, teacher: Path, folder: Path, config: KeywordPoolConfig = CONFIG) -> KeywordPool:
    return make_pool(config, data, teacher, folder, 0, lambda _done, _wanted: None)


def test_a_missing_shard_is_made_again_alike(data: Path, teacher: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    pool = make(data, teacher, folder)
    assert pool.pixels.shape == (502, 1_024)  # 500 clips and 2 of digital silence
    assert set(pool.labels.tolist()) == set(range(12))
    assert bool(pool.logits.isfinite().all())
    shards = sorted(folder.glob("*.safetensors"))
    before = [shard.read_bytes() for shard in shards]
    assert before[0] != before[1]
    shards[1].unlink()
    make(data, teacher, folder)
    assert [shard.read_bytes() for shard in shards] == before
    with pytest.raises(InputError, match="another recipe"):
        make(data, teacher, folder, KeywordPoolConfig(shards=2, shard_clips=500, synthetic_words=24))


def test_without_a_teacher_nothing_is_made(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ds_cnn\.npz"):
        make(data, tmp_path, tmp_path / "pool")
