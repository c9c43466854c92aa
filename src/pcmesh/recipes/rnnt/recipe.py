"""The settings with which the RNN-T is trained, plain and hardware-aware."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pcmesh.recipes.rnnt.batches import BatchConfig
from pcmesh.training import NoiseConfig
from pcmesh.workloads.rnnt.widths import RnntWidths

NO_NOISE = NoiseConfig(weight_sigma=0, output_sigma=0)


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """The settings of training.

    Attributes:
        encoder: units of the encoder's LSTMs.
        prediction: units of the prediction network.
        joint: units of the joint network.
        steps: mini-batches in all; the learning rate falls to zero with the last.
        batches: how mini-batches are made.
        learning_rate: largest of a rise over the first 3 % and a straight fall to zero.
        dropout: share of the units left out between LSTMs and in the joint network.
        ctc_weight: weight of the CTC loss at the start and at the end; the transducer's is 1.
        clip: largest norm of the gradient.
        weight_decay: of AdamW.
        average: decay of the running average of the weights, which is what is kept.
        noise: of the hardware-aware training.
        seed: of the stream `training`.
    """

    encoder: int = 384
    prediction: int = 160
    joint: int = 256
    steps: int = 18_500
    batches: BatchConfig = field(default_factory=BatchConfig)
    learning_rate: float = 1.5e-3
    dropout: float = 0.0
    ctc_weight: tuple[float, float] = (2.0, 0.3)
    clip: float = 1.0
    weight_decay: float = 1e-2
    average: float = 0.999
    noise: NoiseConfig = NO_NOISE
    seed: int = 0

    @property
    def widths(self) -> RnntWidths:
        """The network's sizes."""
        return RnntWidths(encoder=self.encoder, prediction=self.prediction, joint=self.joint)

    def rate_of(self, step: int) -> float:
        """Return the learning rate of a step."""
        done = step / self.steps
        return self.learning_rate * min(done / 0.03, 1 - done)

    def ctc_weight_of(self, step: int) -> float:
        """Return the weight of the CTC loss, which falls over the first quarter."""
        first, last = self.ctc_weight
        return last + (first - last) * max(0.0, 1 - 4 * step / self.steps)


HARDWARE_AWARE = replace(
    RecipeConfig(),
    steps=8_000,
    learning_rate=6e-4,
    batches=BatchConfig(seed=1, shards=50),
    ctc_weight=(0.0, 0.0),
    noise=NoiseConfig(
        weight_sigma=0.015, weight_relative=0.1, columns=True, output_sigma=0.01, weight_limit=1.0, input_levels=255
    ),
)
"""Goes on from the plain network under the disturbances of the chip."""

LONGER = replace(HARDWARE_AWARE, noise=NO_NOISE)
"""Goes on as `HARDWARE_AWARE`, without disturbances: what the longer training alone brings."""
