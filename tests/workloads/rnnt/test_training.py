"""Training of the RNN-T in small: it learns, goes on where it stopped, and ships what it has learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pcmesh.errors import InputError
from pcmesh.recipes.rnnt.batches import BatchConfig, batches_of_visit, shard_of_visit
from pcmesh.recipes.rnnt.pool import Pool, PoolConfig, Shard
from pcmesh.recipes.rnnt.recipe import RecipeConfig
from pcmesh.recipes.rnnt.run import TrainingRun, train_rnnt
from pcmesh.training import NoiseConfig
from pcmesh.workloads.rnnt.checkpoint import load_network, save_network
from pcmesh.workloads.rnnt.network import RnntNetwork

SMALL = RecipeConfig(
    encoder=16, prediction=8, joint=8, steps=6, batches=BatchConfig(sentences=4, shards=2), learning_rate=0.02
)


class MadePool(Pool):
    """A pool whose sentences are noise with a pattern for each letter."""

    def __init__(self) -> None:
        self.config = PoolConfig()

    def shard(self, number: int) -> Shard:
        generator = torch.Generator().manual_seed(number)
        labels = torch.randint(28, (12, 3), generator=generator)
        patterns = torch.randn(28, 80, generator=torch.Generator().manual_seed(99))
        frames = patterns[labels].repeat_interleave(12, 1) + 0.1 * torch.randn(12, 36, 80, generator=generator)
        lengths = torch.full((12,), 36)
        return Shard(frames.flatten(0, 1).half(), lengths, labels.flatten(), torch.full((12,), 3))


def silent(*_: object) -> None:
    pass


def weights(network: RnntNetwork) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("noise", [SMALL.noise, NoiseConfig(weight_sigma=0.03, output_sigma=0.02, input_levels=255)])
def test_a_run_cut_off_ends_with_the_same_bits(tmp_path: Path, noise: NoiseConfig) -> None:
    recipe, pool = replace(SMALL, noise=noise), MadePool()
    whole = train_rnnt(recipe, pool, tmp_path / "whole.pt", silent)

    def stop(run: TrainingRun, *_: object) -> None:
        if run.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_rnnt(recipe, pool, tmp_path / "cut.pt", stop, every=2)
    resumed = train_rnnt(recipe, pool, tmp_path / "cut.pt", silent)
    assert (resumed.step, resumed.heard_s) == (whole.step, whole.heard_s) == (6, pytest.approx(6 * 4 * 0.36))
    assert torch.equal(weights(resumed.average), weights(whole.average))


def test_training_lowers_both_losses(tmp_path: Path) -> None:
    losses: list[tuple[float, float]] = []
    train_rnnt(
        replace(SMALL, steps=60),
        MadePool(),
        tmp_path / "run.pt",
        lambda _, transducer, ctc: losses.append((transducer, ctc)),
        every=10,
    )
    assert losses[-1][0] < 0.7 * losses[0][0]
    assert losses[-1][1] < 0.7 * losses[0][1]


def test_another_recipe_does_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    train_rnnt(replace(SMALL, steps=1), MadePool(), tmp_path / "run.pt", silent)
    with pytest.raises(InputError, match="belongs to another recipe"):
        train_rnnt(replace(SMALL, learning_rate=0.1), MadePool(), tmp_path / "run.pt", silent)


def test_training_begins_with_given_weights(tmp_path: Path) -> None:
    first = train_rnnt(SMALL, MadePool(), tmp_path / "first.pt", silent).average
    second = TrainingRun(SMALL, tmp_path / "second.pt", first)
    assert torch.equal(weights(second.average), weights(first))


def test_visits_see_new_shards_and_earlier_ones_again() -> None:
    shards = [shard_of_visit(visit, 10) for visit in range(60)]
    assert shards[:30:3] == list(range(10))
    assert all(shard <= visit // 3 for visit, shard in enumerate(shards))
    assert set(shards[30:]) == set(range(10))


def test_batches_repeat_and_differ_between_visits() -> None:
    first, again, later = (next(batches_of_visit(MadePool(), SMALL.batches, visit, stack=2)) for visit in (0, 0, 1))
    assert torch.equal(first.features_TBF, again.features_TBF)
    assert not torch.equal(first.features_TBF, later.features_TBF)
    assert first.features_TBF.shape == (16, 4, 240)
    assert first.frames_B.tolist() == [12] * 4


def test_eight_bit_files_hold_the_weights_within_half_a_step(tmp_path: Path) -> None:
    network = TrainingRun(SMALL, tmp_path / "none.pt").average
    save_network(network, tmp_path / "small.safetensors", int8=True)
    found = load_network(tmp_path / "small.safetensors")
    for (name, wanted), value in zip(network.state_dict().items(), found.state_dict().values(), strict=True):
        limit = wanted.abs().amax(-1, keepdim=True) / 254 * 1.0001 if wanted.dim() == 2 else 0.0
        assert ((value - wanted).abs() <= limit).all(), name
    save_network(found, tmp_path / "again.safetensors", int8=True)
    assert torch.equal(weights(load_network(tmp_path / "again.safetensors")), weights(found))
