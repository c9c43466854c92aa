"""How the keyword network is trained: hardware-aware, on a pool of augmented clips, towards a teacher's answers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pcmesh.errors import InputError
from pcmesh.files.writing import whole_file
from pcmesh.random import torch_generator
from pcmesh.recipes.kws.pool import KeywordPool
from pcmesh.speech.types import KEYWORD_CLASSES
from pcmesh.training import HardwareAware, NoiseConfig
from pcmesh.workloads.kws.network import KeywordNetwork

_CHECKPOINT_EVERY = 500
_STATISTICS_CLIPS = 50_000


@dataclass(frozen=True, kw_only=True)
class KeywordRecipeConfig:
    """The paper's settings where it states them, and those of the distillation.

    Attributes:
        steps: mini-batches.
        batch: clips in a mini-batch (paper: 250).
        learning_rate: largest of a rise over the first tenth and a cosine fall to zero (paper: 0.0005, Adam).
        noise: of the hardware-aware training (paper: 0.02 and 0.04).
        teacher_share: weight of the teacher's answer in the target; the rest is the true label.
        temperature: divides the teacher's logits.
        dropped_inputs: share of the pixels set to zero at random.
        spread_power: the gain of a pixel is its standard deviation to the minus this power: 0 keeps the features' own
            spread, 1 makes all alike. Between them, weak high coefficients are heard above the chip's noise and strong
            ones still count more.
        average: decay of the running average of the weights, which is what is kept.
        seed: of the stream `training`.
    """

    steps: int = 16_000
    batch: int = 250
    learning_rate: float = 5e-4
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    teacher_share: float = 0.6
    temperature: float = 2.0
    dropped_inputs: float = 0.1
    spread_power: float = 0.5
    average: float = 0.998
    seed: int = 0


class _Run:
    """What changes while training, and its checkpoint."""

    def __init__(self, config: KeywordRecipeConfig, network: KeywordNetwork, file: Path) -> None:
        self.generator = torch_generator(config.seed, "training", "batches")
        self.network = network
        self.layers = nn.Sequential(network.layer0, nn.ReLU(), network.layer1, nn.ReLU(), network.layer2)
        self.aware = HardwareAware(self.layers, config.noise, torch_generator(config.seed, "training", "noise"))
        self.optimiser = torch.optim.Adam(self.layers.parameters(), lr=config.learning_rate)
        self.average = deepcopy(self.layers)
        self.step = 0
        self._file = file
        self._recipe = json.dumps(asdict(config), sort_keys=True)

    def save(self) -> None:
        state = {
            "recipe": self._recipe,
            "step": self.step,
            "layers": self.layers.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "batches": self.generator.get_state(),
            "noise": self.aware.generator.get_state(),
            "ranges": self.aware.ranges.largest,
        }
        with whole_file(self._file) as temporary:
            torch.save(state, temporary)

    def resume(self) -> None:
        if not self._file.exists():
            return
        state: dict[str, Any] = torch.load(self._file, weights_only=True)
        if state["recipe"] != self._recipe:
            raise InputError(
                f"{self._file}: belongs to another recipe", "Remove it, or give another folder with --work"
            )
        self.step = state["step"]
        self.layers.load_state_dict(state["layers"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["batches"])
        self.aware.generator.set_state(state["noise"])
        self.aware.ranges.largest = dict(state.get("ranges", {}))

    def averaged_network(self) -> KeywordNetwork:
        network = deepcopy(self.network)
        layers = (network.layer0, network.layer1, network.layer2)
        for layer, averaged in zip(layers, self.average.parameters(), strict=True):
            layer.weight.data.copy_(averaged)
        return network.eval()


def train_keyword_network(
    config: KeywordRecipeConfig,
    pool: KeywordPool,
    kept: Tensor,
    checkpoint: Path,
    report: Callable[[int, float, KeywordNetwork], None],
) -> KeywordNetwork:
    """Train on the pool and return the averaged network.

    Args:
        config: the recipe.
        pool: augmented clips.
        kept: int64 (1024,), positions of the pool's pixels among the 1,960 features.
        checkpoint: file that a run cut off resumes from.
        report: called every 500 steps with the step, the mean loss since the last call and the averaged network.

    Raises:
        InputError: the checkpoint belongs to another recipe.
    """
    network = KeywordNetwork()
    _initialise(network, config, pool, kept)
    run = _Run(config, network, checkpoint)
    run.resume()
    losses: list[float] = []
    while run.step < config.steps:
        losses.append(_train_step(config, run, pool))
        if run.step % _CHECKPOINT_EVERY == 0 or run.step == config.steps:
            run.save()
            report(run.step, sum(losses) / len(losses), run.averaged_network())
            losses.clear()
    return run.averaged_network()


@torch.no_grad()
def _initialise(network: KeywordNetwork, config: KeywordRecipeConfig, pool: KeywordPool, kept: Tensor) -> None:
    """Set the fixed digital arithmetic of the inputs from the pool, and uniform random weights."""
    sample = pool.pixels[:_STATISTICS_CLIPS].float()
    spread = sample.std(0).clamp_min(0.05)
    gain = spread**-config.spread_power
    offset = sample.mean(0)
    network.pixels.copy_(kept)
    network.offset.copy_(offset)
    network.gain.copy_(gain / (3 * ((sample - offset) * gain).std()))
    generator = torch_generator(config.seed, "training", "initial weights")
    for layer in (network.layer0, network.layer1, network.layer2):
        bound = 1 / math.sqrt(layer.in_features)
        layer.weight.uniform_(-bound, bound, generator=generator)


def _train_step(config: KeywordRecipeConfig, run: _Run, pool: KeywordPool) -> float:
    chosen = torch.randint(len(pool.labels), (config.batch,), generator=run.generator)
    inputs = (pool.pixels[chosen].float() - run.network.offset) * run.network.gain
    inputs = inputs * (torch.rand(inputs.shape, generator=run.generator) >= config.dropped_inputs)
    for group in run.optimiser.param_groups:
        group["lr"] = config.learning_rate * _schedule(run.step / config.steps)
    loss = F.cross_entropy(run.aware(inputs), _targets(config, pool, chosen))
    run.optimiser.zero_grad()
    torch.autograd.backward(loss)
    run.optimiser.step()
    run.aware.clip_weights()
    run.step += 1
    _average(run, min(config.average, run.step / (run.step + 10)))
    return float(loss.detach())


def _targets(config: KeywordRecipeConfig, pool: KeywordPool, chosen: Tensor) -> Tensor:
    """Return target probabilities (B, 12): the teacher's mixed with the true label."""
    teacher = torch.softmax(pool.logits[chosen].float() / config.temperature, dim=1)
    true = F.one_hot(pool.labels[chosen], len(KEYWORD_CLASSES)).float()
    return config.teacher_share * teacher + (1 - config.teacher_share) * true


def _schedule(done: float) -> float:
    return done / 0.1 if done < 0.1 else 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))


@torch.no_grad()
def _average(run: _Run, decay: float) -> None:
    for averaged, weight in zip(run.average.parameters(), run.layers.parameters(), strict=True):
        averaged.lerp_(weight, 1 - decay)
