"""`python -m pcmesh.recipes.rnnt.train`: the RNN-T that ships, from sentences, voices and recorded prompts."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from pcmesh.errors import PcmeshError
from pcmesh.files.writing import write_text
from pcmesh.recipes.rnnt.measure import measure, measure_all, synthetic
from pcmesh.recipes.rnnt.model_card import model_card
from pcmesh.recipes.rnnt.pool import PoolConfig
from pcmesh.recipes.rnnt.pool_beside import pool_beside
from pcmesh.recipes.rnnt.recipe import HARDWARE_AWARE, LONGER, RecipeConfig
from pcmesh.recipes.rnnt.run import TrainingRun, train_rnnt
from pcmesh.workloads.rnnt.checkpoint import load_network, save_network
from pcmesh.workloads.rnnt.listening.transcribe import SHIPPED

_VALIDATION_SENTENCES = 200
LOG = "training_log.tsv"
LOG_HEADER = "step\thours_heard\ttransducer_loss\tctc_loss\tvalidation_wer\n"


def main(arguments: list[str] | None = None) -> int:
    """Train, write the weights and the model card beside them; return the exit code (2: an input cannot be used)."""
    options = _parser().parse_args(arguments)
    try:
        _train(options)
    except PcmeshError as error:
        print(f"train-rnnt: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    shipped = Path(__file__).parents[2] / "workloads" / "rnnt" / "weights"
    parser.add_argument("--work", type=Path, default=Path("runs/train-rnnt"), help="shards and checkpoints")
    parser.add_argument("--out", type=Path, default=shipped, help="folder of the weights and the model card")
    parser.add_argument(
        "--hardware-aware",
        action="store_true",
        help="go on from the weights in OUT under the chip's noise, and write OUT/hardware_aware",
    )
    parser.add_argument(
        "--longer",
        action="store_true",
        help="as --hardware-aware, without the noise, into OUT/longer: what the longer training alone brings",
    )
    parser.add_argument("--steps", type=int, help="mini-batches in all; a run that has them already only writes")
    parser.add_argument("--every", type=int, default=250, help="steps between checkpoints")
    parser.add_argument("--recorded", type=Path, action="append", default=[], help="recordings for the model card")
    return parser


def _train(options: argparse.Namespace) -> None:
    name = "longer" if options.longer else "hardware_aware" if options.hardware_aware else "plain"
    recipe = {"plain": RecipeConfig(), "hardware_aware": HARDWARE_AWARE, "longer": LONGER}[name]
    if options.steps is not None:
        recipe = replace(recipe, steps=options.steps)
    out = options.out if name == "plain" else options.out / name
    log_file = options.work / f"log-{name}.tsv"
    started_s, validation = time.monotonic(), synthetic("validation", _VALIDATION_SENTENCES)

    def report(run: TrainingRun, transducer: float, ctc: float) -> None:
        rate = measure(run.average, "validation", validation).rate
        line = f"{run.step}\t{run.heard_s / 3_600:.2f}\t{transducer:.3f}\t{ctc:.3f}\t{rate:.4f}\n"
        with log_file.open("a", encoding="utf-8") as log:
            log.write(line)
        seconds = time.monotonic() - started_s
        print(f"{seconds:7.0f} s  step {run.step} of {recipe.steps}: loss {transducer:.3f}, WER {rate:.2%}", flush=True)

    start = None if name == "plain" else load_network(options.out / SHIPPED)
    checkpoint = options.work / f"checkpoint-{name}.pt"
    if not checkpoint.exists():
        log_file.write_text(LOG_HEADER, encoding="utf-8")
    shards = recipe.batches.shards
    with pool_beside(PoolConfig(), options.work / "pool", shards) as pool:
        done = train_rnnt(recipe, pool, checkpoint, report, options.every, start)
    out.mkdir(parents=True, exist_ok=True)
    save_network(done.average, out / SHIPPED, int8=True)
    measured = measure_all(load_network(out / SHIPPED), options.recorded)
    write_text(out / LOG, log_file.read_text(encoding="utf-8"))
    write_text(out / "MODEL_CARD.md", model_card(pool.config, recipe, done, measured))
    print(f"wrote {out / SHIPPED}: WER {measured[0].rate:.2%} of {measured[0].words:,} words")


if __name__ == "__main__":
    sys.exit(main())
