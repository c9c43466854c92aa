from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from pcmesh.errors import InputError
from pcmesh.recipes.kws.teacher import TEACHER_CLASSES, Teacher
from pcmesh.speech.audio import load_audio
from pcmesh.speech.front_ends.keywords import power_spectrogram
from pcmesh.speech.types import KEYWORD_CLASSES

DATA = Path(os.environ.get("PCMESH_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.fixture(scope="module")
def folder() -> Path:
    if not (DATA / "kws_teacher").is_dir():
        pytest.skip(f"no teacher in {DATA} (set PCMESH_DATA)")
    return DATA / "kws_teacher"


def test_logits_equal_the_published_ones(folder: Path) -> None:
    order = [TEACHER_CLASSES.index(name) for name in KEYWORD_CLASSES]
    with np.load(folder / "reference.npz") as reference:
        logits = Teacher(folder).logits(torch.from_numpy(reference["features"]))
        np.testing.assert_allclose(logits.numpy(), reference["logits"][:, order], rtol=0, atol=5e-5)


def test_features_equal_the_published_ones(folder: Path) -> None:
    with np.load(folder / "reference.npz") as reference:
        files = [folder.parent / "gsc_test" / str(path) for path in reference["path"]]
        waves = torch.stack([load_audio(file) for file in files])
        features = Teacher(folder).features(power_spectrogram(waves).sqrt(), waves.amax(1))
        np.testing.assert_allclose(features.numpy(), reference["features"], rtol=0, atol=1e-3)


def test_a_missing_teacher_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ds_cnn\.npz: no such file"):
        Teacher(tmp_path)
