from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pcmesh.errors import InputError
from pcmesh.recipes.kws import recipe
from pcmesh.recipes.kws.model_card import MeasuredAccuracy, model_card
from pcmesh.recipes.kws.pool import KeywordPool, KeywordPoolConfig
from pcmesh.recipes.kws.recipe import KeywordRecipeConfig, train_keyword_network
from pcmesh.recipes.kws.train import main
from pcmesh.workloads.kws.network import KeywordNetwork

KEPT = torch.arange(0, 1_960)[:1_024]
CONFIG = KeywordRecipeConfig(steps=12, batch=20)


@pytest.fixture
def pool() -> KeywordPool:
    """Twelve clusters of pixels."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 12
    centres = torch.randn(12, 1_024, generator=generator)
    return KeywordPool(
        pixels=(centres[labels] + 0.3 * torch.randn(240, 1_024, generator=generator)).half(),
        labels=labels,
        logits=(10 * torch.nn.functional.one_hot(labels, 12)).half(),
    )


def ignore(_step: int, _loss: float, _network: KeywordNetwork) -> None:
    pass


def test_training_learns_and_keeps_the_weights_within_one(pool: KeywordPool, tmp_path: Path) -> None:
    config = KeywordRecipeConfig(steps=60, batch=60, average=0.9)
    network = train_keyword_network(config, pool, KEPT, tmp_path / "c.pt", ignore)
    features = torch.zeros(240, 1_960)
    features[:, KEPT] = pool.pixels.float()
    with torch.no_grad():
        answers = network(features.reshape(240, 49, 40)).argmax(1)
    assert float((answers == pool.labels).double().mean()) > 0.95
    assert max(float(parameter.detach().abs().max()) for parameter in network.parameters()) <= 1


def test_a_run_cut_off_resumes_to_the_same_weights(
    pool: KeywordPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "_CHECKPOINT_EVERY", 5)

    class Interrupted(Exception):
        pass

    def interrupt(step: int, _loss: float, _network: KeywordNetwork) -> None:
        if step == 5:
            raise Interrupted

    whole = train_keyword_network(CONFIG, pool, KEPT, tmp_path / "whole.pt", ignore)
    with pytest.raises(Interrupted):
        train_keyword_network(CONFIG, pool, KEPT, tmp_path / "cut.pt", interrupt)
    resumed = train_keyword_network(CONFIG, pool, KEPT, tmp_path / "cut.pt", ignore)
    pairs = zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_checkpoint_of_another_recipe_is_refused(pool: KeywordPool, tmp_path: Path) -> None:
    train_keyword_network(CONFIG, pool, KEPT, tmp_path / "c.pt", ignore)
    with pytest.raises(InputError, match="another recipe"):
        train_keyword_network(KeywordRecipeConfig(steps=13, batch=20), pool, KEPT, tmp_path / "c.pt", ignore)


def test_training_without_the_data_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out" / "kws.safetensors"
    code = main(["--data", str(tmp_path / "none"), "--teacher", str(tmp_path), "--out", str(out)])
    assert code == 2
    assert "none: no such folder" in capsys.readouterr().err
    assert not out.exists()


def test_the_card_states_what_was_measured() -> None:
    measured = MeasuredAccuracy(
        validation=0.9,
        validation_utterances=321,
        test=0.8765,
        test_utterances=704,
        synthetic=0.95,
        synthetic_utterances=1200,
    )
    card = model_card(KeywordPoolConfig(), KeywordRecipeConfig(), measured)
    assert "| test recordings | 704 | 87.65% |" in card
    assert max(len(line) for line in card.splitlines()) < 140
