"""The model card says what was trained and measured; the cards that ship say what their files do."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from pcmesh.recipes.rnnt.measure import Measured, measure, synthetic, transcribe_waves
from pcmesh.recipes.rnnt.model_card import model_card
from pcmesh.recipes.rnnt.pool import PoolConfig
from pcmesh.recipes.rnnt.recipe import RecipeConfig
from pcmesh.recipes.rnnt.run import TrainingRun
from pcmesh.training import NoiseConfig
from pcmesh.workloads.rnnt.listening.transcribe import HARDWARE_AWARE, load_speech_network

SMALL = RecipeConfig(encoder=8, prediction=8, joint=8)
CARDS = {None: "MODEL_CARD.md", HARDWARE_AWARE: "hardware_aware/MODEL_CARD.md"}


def test_the_card_states_what_was_done_and_measured(tmp_path: Path) -> None:
    run = TrainingRun(SMALL, tmp_path / "none.pt")
    run.step, run.visit, run.heard_s = 1234, 4, 7_200.0
    card = model_card(PoolConfig(), SMALL, run, [Measured("some speech", 12, 345, 0.0678)])
    assert "| some speech | 12 | 345 | 6.78% |" in card
    for words in ("1,234 mini-batches", "4,000 utterances", "2 hours heard", f"{run.average.parameters_total:,}"):
        assert words in card
    noisy = replace(SMALL, noise=NoiseConfig(weight_sigma=0.03))
    assert "0.03 of each matrix's largest" in model_card(PoolConfig(), noisy, run, [])
    columns = replace(SMALL, noise=NoiseConfig(weight_sigma=0.03, weight_relative=0.1, columns=True))
    assert "0.03 of each column's largest plus 0.1 of their own" in model_card(PoolConfig(), columns, run, [])


@pytest.mark.parametrize("checkpoint", CARDS)
def test_shipped_weights_do_what_their_card_says(checkpoint: Path | None) -> None:
    card = (files("pcmesh.workloads.rnnt") / "weights" / CARDS[checkpoint]).read_text(encoding="utf-8")
    stated = re.search(r"held-out espeak-ng voices \| 1,000 \| [\d,]+ \| ([\d.]+)%", card)
    assert stated
    found = measure(load_speech_network(checkpoint), "test", synthetic("test", 150))
    assert abs(found.rate - float(stated[1]) / 100) < 0.06  # a sample of 150: four standard deviations


def test_waves_are_transcribed_in_their_order() -> None:
    network = load_speech_network(None)
    waves = [wave for _, wave in synthetic("validation", 5)]
    texts = transcribe_waves(network, waves)
    assert transcribe_waves(network, waves[::-1]) == texts[::-1]
    assert len({*texts}) == 5
    assert all(np.isfinite(wave).all() for wave in waves)
