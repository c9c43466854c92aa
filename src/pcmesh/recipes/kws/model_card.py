"""The model card of the shipped keyword network, written from what was trained and measured."""

from __future__ import annotations

from dataclasses import dataclass

from pcmesh.recipes.kws.pool import KeywordPoolConfig
from pcmesh.recipes.kws.recipe import KeywordRecipeConfig


@dataclass(frozen=True, kw_only=True)
class MeasuredAccuracy:
    """Software accuracy (0 to 1) on recordings and on synthetic speech, each with its number of utterances."""

    validation: float
    validation_utterances: int
    test: float
    test_utterances: int
    synthetic: float
    synthetic_utterances: int


def model_card(pool: KeywordPoolConfig, recipe: KeywordRecipeConfig, measured: MeasuredAccuracy) -> str:
    """Return the card as Markdown."""
    return f"""# Keyword network: model card

Written by `python -m pcmesh.recipes.kws.train` (`make train-kws`).

**Network.** 1,024-512-512-12, ReLU, no bias: 792,576 weights within (-1, 1), stored as float16. Input: one second of
sound at 16 kHz; the word is centred and the level normalised, then 49 x 40 MFCC (30 ms window, 20 ms stride, clipped
to +-30), of which 1,024 are kept (largest mean magnitude on validation data), shifted and scaled by constants. Output:
logits of `_silence_ _unknown_ yes no up down left right on off stop go`.

**Data.** The train split of the recordings in the data folder, a public part of Google Speech Commands v0.02 (Pete
Warden, arXiv:1804.03209, CC BY 4.0), and {pool.synthetic_words:,} words spoken by espeak-ng in the training voices.
A pool of {pool.shards * pool.shard_clips:,} clips is drawn from them, {1 - pool.synthetic_share:.0%} recorded and
{pool.synthetic_share:.0%} synthetic, each altered: speed, pitch and local tempo, shift of 100 ms, length of the
vocal tract, frequency response, room, background noise on {pool.augment.noise_share:.0%}.

**Training.** Soft labels of the MLPerf Tiny DS-CNN (Apache-2.0; weight {recipe.teacher_share}, temperature
{recipe.temperature}) mixed with the true ones; Adam, learning rate up to {recipe.learning_rate}, batch {recipe.batch},
{recipe.steps:,} steps; weight noise {recipe.noise.weight_sigma} and output noise {recipe.noise.output_sigma} in each
mini-batch; running average of the weights; seed {recipe.seed}. Validation recordings chose pixels and settings; test
recordings and their speakers were used for nothing but the last line of this table.

| software accuracy, no chip | utterances | correct |
| --- | ---: | ---: |
| validation recordings | {measured.validation_utterances} | {measured.validation:.2%} |
| synthetic speech, held-out voices | {measured.synthetic_utterances} | {measured.synthetic:.2%} |
| test recordings | {measured.test_utterances} | {measured.test:.2%} |

**Limits.** English; one word in a second. The teacher saw the training part of the full data set, so the student has
its knowledge of many more speakers at second hand. `_silence_` clips of different splits may come from the same
noise recordings. Nothing was measured on children, other languages or far microphones.
"""
