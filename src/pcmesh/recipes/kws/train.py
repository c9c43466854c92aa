"""`python -m pcmesh.recipes.kws.train`: the shipped keyword network from speech recordings and a teacher."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

from pcmesh.errors import PcmeshError
from pcmesh.files.writing import write_text
from pcmesh.recipes.kws.model_card import MeasuredAccuracy, model_card
from pcmesh.recipes.kws.pool import KeywordPoolConfig, choose_pixels, make_pool
from pcmesh.recipes.kws.recipe import KeywordRecipeConfig, train_keyword_network
from pcmesh.speech.datasets import load_speech_commands
from pcmesh.speech.front_ends.keywords import keyword_features
from pcmesh.speech.types import SpeechSet
from pcmesh.speech.voices.synthesis import synthesise_keywords
from pcmesh.training import NoiseConfig
from pcmesh.workloads.kws.network import KeywordNetwork, save_keyword_network

_SYNTHETIC_UTTERANCES = 1_200


def main(arguments: list[str] | None = None) -> int:
    """Train, write the weights and the model card beside them; return the exit code (2: an input cannot be used)."""
    options = _parser().parse_args(arguments)
    try:
        _train(options)
    except PcmeshError as error:
        print(f"train-kws: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    shipped = Path(__file__).parents[2] / "workloads" / "kws" / "weights" / "kws.safetensors"
    parser.add_argument("--data", type=Path, required=True, help="Speech Commands with a manifest.csv or the full set")
    parser.add_argument("--teacher", type=Path, required=True, help="folder of the teacher's ds_cnn.npz")
    parser.add_argument("--work", type=Path, default=Path("runs/train-kws"), help="shards and checkpoint; resumed from")
    parser.add_argument("--out", type=Path, default=shipped, help="weights to write (safetensors)")
    parser.add_argument("--workers", type=int, default=2, help="processes that make the pool")
    parser.add_argument(
        "--shards", type=int, default=KeywordPoolConfig().shards, help="shards of 10,000 augmented clips"
    )
    parser.add_argument("--steps", type=int, default=KeywordRecipeConfig().steps, help="mini-batches of 250")
    parser.add_argument("--seed", type=int, default=0, help="seed of the stream `training`")
    parser.add_argument(
        "--no-noise", action="store_true", help="plain training, to see what hardware-aware training is worth"
    )
    return parser


def _train(options: argparse.Namespace) -> None:
    start_s = time.monotonic()
    pool_config = KeywordPoolConfig(shards=options.shards, seed=options.seed)
    noise = NoiseConfig(weight_sigma=0, output_sigma=0) if options.no_noise else NoiseConfig()
    recipe = KeywordRecipeConfig(steps=options.steps, seed=options.seed, noise=noise)
    checkpoint = options.work / ("checkpoint-plain.pt" if options.no_noise else "checkpoint.pt")

    def log(text: str) -> None:
        print(f"{time.monotonic() - start_s:7.0f} s  {text}", flush=True)

    validation = _measurable(load_speech_commands(options.data, "validation"))

    def report(step: int, loss: float, network: KeywordNetwork) -> None:
        log(f"step {step} of {recipe.steps}: loss {loss:.3f}, validation {_accuracy(network, validation):.2%}")

    pool = make_pool(
        pool_config,
        options.data,
        options.teacher,
        options.work / "pool",
        options.workers,
        lambda done, wanted: log(f"pool: {done} of {wanted} shards"),
    )
    network = train_keyword_network(recipe, pool, choose_pixels(options.data), checkpoint, report)
    made = _measurable(synthesise_keywords(_SYNTHETIC_UTTERANCES, "test", options.seed))
    test = _measurable(load_speech_commands(options.data, "test"))
    measured = MeasuredAccuracy(
        validation=_accuracy(network, validation),
        validation_utterances=len(validation[1]),
        test=_accuracy(network, test),
        test_utterances=len(test[1]),
        synthetic=_accuracy(network, made),
        synthetic_utterances=len(made[1]),
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_keyword_network(network, options.out)
    write_text(options.out.with_name("MODEL_CARD.md"), model_card(pool_config, recipe, measured))
    log(f"wrote {options.out}: test {measured.test:.2%} of {measured.test_utterances} recordings")


def _measurable(speech: SpeechSet) -> tuple[torch.Tensor, torch.Tensor]:
    return keyword_features(speech.waves), speech.labels


@torch.no_grad()
def _accuracy(network: KeywordNetwork, speech: tuple[torch.Tensor, torch.Tensor]) -> float:
    features, labels = speech
    return float((network(features).argmax(1) == labels).double().mean())


if __name__ == "__main__":
    sys.exit(main())
