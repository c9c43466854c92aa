"""A training run of the RNN-T: steps, averaged weights, checkpoints from which it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pcmesh.errors import InputError
from pcmesh.files.writing import whole_file
from pcmesh.random import stream_key, torch_generator
from pcmesh.recipes.rnnt.batches import SpeechBatch, batches_of_visit
from pcmesh.recipes.rnnt.pool import Pool
from pcmesh.recipes.rnnt.recipe import RecipeConfig
from pcmesh.recipes.rnnt.trained_model import TrainedModel
from pcmesh.training import HardwareAware
from pcmesh.workloads.rnnt.network import RnntNetwork

DIGITAL = ("network.joint.net.3", "ctc")
"""Joint-FC, which the chips leave to digital logic, and the head that is dropped."""


class TrainingRun:
    """What changes while training, and its checkpoint.

    Attributes:
        step: mini-batches learnt.
        heard_s: seconds of speech in them.
        average: the averaged network.
    """

    def __init__(self, config: RecipeConfig, file: Path, start: RnntNetwork | None = None) -> None:
        self.config = config
        with torch.random.fork_rng():
            torch.manual_seed(stream_key(config.seed, "training", "initial weights") & (2**63 - 1))
            self.model = TrainedModel(config)
        if start is not None:
            self.model.network.load_state_dict(start.state_dict())
        generator = torch_generator(config.seed, "training", "noise")
        self.aware = HardwareAware(self.model, config.noise, generator, digital=DIGITAL)
        self.average = deepcopy(self.model.network).eval()
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), betas=(0.9, 0.98), weight_decay=config.weight_decay, fused=True
        )
        self.step = self.visit = self.batch = 0
        self.heard_s = 0.0
        self._file = file
        self._recipe = json.dumps(asdict(config) | {"steps": None}, sort_keys=True)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "recipe": self._recipe,
            "noise": self.aware.generator.get_state(),
            "ranges": self.aware.ranges.largest,
            "place": (self.step, self.visit, self.batch),
            "heard_s": self.heard_s,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        with whole_file(self._file) as temporary:
            torch.save(state, temporary)

    def resume(self) -> None:
        """Go on from the checkpoint if there is one; the number of steps may be another.

        Raises:
            InputError: it belongs to another recipe.
        """
        if not self._file.exists():
            return
        state: dict[str, Any] = torch.load(self._file, weights_only=True)
        if state["recipe"] != self._recipe:
            raise InputError(
                f"{self._file}: belongs to another recipe", "Remove it, or give another folder with --work"
            )
        self.step, self.visit, self.batch = state["place"]
        self.heard_s = state["heard_s"]
        self.aware.generator.set_state(state["noise"])
        self.aware.ranges.largest = dict(state.get("ranges", {}))
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])

    def train_step(self, batch: SpeechBatch) -> tuple[float, float]:
        """Learn one mini-batch; return the transducer's and the CTC loss per letter."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate_of(self.step)
        with torch.autocast("cpu", torch.bfloat16):
            transducer, ctc = self.aware(batch)
        self.optimiser.zero_grad()
        torch.autograd.backward(transducer + self.config.ctc_weight_of(self.step) * ctc)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimiser.step()
        self.aware.clip_weights()
        self.step += 1
        self.heard_s += 0.03 * int(batch.frames_B.sum())
        _average(self.average, self.model.network, min(self.config.average, self.step / (self.step + 10)))
        return float(transducer.detach()), float(ctc.detach())


def train_rnnt(
    config: RecipeConfig,
    pool: Pool,
    checkpoint: Path,
    report: Callable[[TrainingRun, float, float], None],
    every: int = 250,
    start: RnntNetwork | None = None,
) -> TrainingRun:
    """Train on the pool and return the run, whose averaged network is the result.

    Args:
        config: the recipe.
        pool: spoken sentences.
        checkpoint: file that a run cut off resumes from.
        report: called every so many steps with the run and the mean losses since the last call.
        every: steps between reports and checkpoints.
        start: begin with these weights; None: random ones.

    Raises:
        InputError: the checkpoint belongs to another recipe.
    """
    run = TrainingRun(config, checkpoint, start)
    run.resume()
    losses: list[tuple[float, float]] = []
    while run.step < config.steps:
        for number, batch in enumerate(batches_of_visit(pool, config.batches, run.visit, config.widths.stack)):
            if number < run.batch or run.step == config.steps:
                continue
            losses.append(run.train_step(batch))
            run.batch += 1
            if run.step % every == 0 or run.step == config.steps:
                run.save()
                transducer, ctc = (sum(column) / len(column) for column in zip(*losses, strict=True))
                report(run, transducer, ctc)
                losses.clear()
        run.visit, run.batch = run.visit + 1, 0
    return run


@torch.no_grad()
def _average(average: nn.Module, network: nn.Module, decay: float) -> None:
    for averaged, weight in zip(average.parameters(), network.parameters(), strict=True):
        averaged.lerp_(weight, 1 - decay)
