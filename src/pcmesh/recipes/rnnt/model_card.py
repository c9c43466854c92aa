"""The model card of the shipped RNN-T, written from what was trained and measured."""

from __future__ import annotations

from collections.abc import Sequence

from pcmesh.recipes.rnnt.measure import HELD_OUT_FLITE_VOICE, Measured
from pcmesh.recipes.rnnt.pool import FLITE_TRAINING_VOICES, LONGEST_S, PoolConfig
from pcmesh.recipes.rnnt.recipe import RecipeConfig
from pcmesh.recipes.rnnt.run import TrainingRun
from pcmesh.speech.sentences import FREQUENT_WORDS, LONGEST_WORDS, SHORTEST_WORDS


def model_card(pool: PoolConfig, recipe: RecipeConfig, run: TrainingRun, measured: Sequence[Measured]) -> str:
    """Return the card as Markdown.

    Args:
        pool: what was heard.
        recipe: how it was learnt.
        run: what has learnt.
        measured: word error rates of the shipped file.
    """
    rows = "\n".join(f"| {one.speech} | {one.utterances:,} | {one.words:,} | {one.rate:.2%} |" for one in measured)
    espeak = 1 - pool.prompt_share - pool.flite_share - pool.piper_share
    place = pool.surroundings
    shards = min(recipe.batches.shards, run.visit // 3 + 1)
    return f"""# rnnt-small{", hardware-aware" if recipe.noise.weight_sigma else ""}: model card

Written by `python -m pcmesh.recipes.rnnt.train` (`make train-rnnt`); `training_log.tsv` is the log of the run.

**Network.** The RNN-T of MLPerf, narrower: five encoder LSTMs of {recipe.encoder} (time stacking after the second),
two prediction LSTMs of {recipe.prediction}, joint network of {recipe.joint}, 28 letters and the blank:
{run.average.parameters_total:,} parameters, matrices as int8 with one scale for each row. Input: 16 kHz sound through
MLPerf's front end (80 mel bands, three frames spliced, normalised for each utterance). Output: lower-case letters,
blanks and apostrophes; greedy decoding.

**Text.** Clauses of {SHORTEST_WORDS} to {LONGEST_WORDS} words of the Bible in Basic English (1949, public domain) and,
{pool.wordnet_share:.0%}, example phrases of WordNet 3.0, all of whose words are among the {FREQUENT_WORDS:,} most
frequent of either source; {pool.loose_share:.0%} of the texts are one to six such words at random. The 1,400 sentences
of `speech/sentences/` are left out.

**Speech.** {espeak:.0%} espeak-ng (the accents and speaker variants of the training split, random rate and pitch),
{pool.flite_share:.0%} flite ({", ".join(FLITE_TRAINING_VOICES)}), {pool.piper_share:.0%} Piper's voice joe (CC0),
{pool.prompt_share:.0%} recorded prompts of Asterisk (Allison Smith, CC BY-SA 3.0), each at most {LONGEST_S:g} s and in
other surroundings each time: speed, silence before and after, level, a room ({place.reverb_share:.0%}),
coloured noise ({place.noise_share:.0%}, {place.snr_db[0]:g} to {place.snr_db[1]:g} dB).
{shards * pool.shard_sentences:,} utterances; {run.heard_s / 3_600:.0f} hours heard in all, with repetitions, each time
with another length of the vocal tract, blanked bands and frames, and noise on the features.

**Training.** Transducer loss{_ctc(recipe)}; AdamW, learning rate up to
{recipe.learning_rate:g}, {run.step:,} mini-batches of {recipe.batches.sentences} sentences,
bfloat16 products, running average of the weights, seed {recipe.seed}.
{_noise(recipe)}

| software, greedy, the shipped file | utterances | words | word error rate |
| --- | ---: | ---: | ---: |
{rows}

**Limits.** It knows short plain sentences of some 3,000 words in synthetic voices. The held-out voices are other
speaker variants of the same engine, the voice {HELD_OUT_FLITE_VOICE} is another speaker of an engine that it heard, and
the prompts are other sentences of a speaker that it heard. Long sentences, rare words and people it has never heard
are recognised badly: see the last lines of the table. It is here so that the chips have trained weights to run, not to
transcribe meetings.
"""


def _ctc(recipe: RecipeConfig) -> str:
    first, last = recipe.ctc_weight
    return f" and, weighted {first:g} to {last:g}, a CTC loss on the\nencoder (its head is dropped)" if first else ""


def _noise(recipe: RecipeConfig) -> str:
    noise = recipe.noise
    if not noise.weight_sigma:
        return f"Weights are held within +-{noise.weight_limit:g}; no noise."
    largest = f"each {'column' if noise.columns else 'matrix'}'s largest"
    own = f" plus {noise.weight_relative:g} of their own magnitude" if noise.weight_relative else ""
    return f"""It began with the plain network and met the chip's disturbances: noise on the weights
({noise.weight_sigma:g} of {largest}{own}, anew for each
mini-batch) and on outputs ({noise.output_sigma:g}), inputs of INT9, weights within +-{noise.weight_limit:g}."""
