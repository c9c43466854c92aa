"""From a network to its best mapping: measure the ways of every layer, choose, and measure the choice as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from torch import nn

from pcmesh.analysis.batches import Batch, call
from pcmesh.analysis.mapping_choice.candidates import Candidate, candidates
from pcmesh.analysis.mapping_choice.choose import Choice, Limits, Quantity, apply, choose
from pcmesh.analysis.mapping_choice.losses import Loss, decision_error, output_error
from pcmesh.analysis.ready import instance, ready
from pcmesh.analysis.task import Task
from pcmesh.deployed.model import ChipModel
from pcmesh.progress import Progress, quiet

Judge = Literal["outputs", "decisions"]
LOSSES: Mapping[Judge, Loss] = {"outputs": output_error, "decisions": decision_error}


@dataclass(frozen=True)
class BestMapping:
    """A choice, and what it was chosen from.

    Attributes:
        choice: the way of every layer.
        candidates: all ways of all layers.
        losses: the chosen mapping as a whole, one for each chip instance.
        judge: what a loss is.
    """

    choice: Choice
    candidates: tuple[Candidate, ...]
    losses: tuple[float, ...]
    judge: Judge

    @property
    def loss(self) -> float:
        """Mean over the chip instances."""
        return sum(self.losses) / len(self.losses)

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        choice = self.choice
        return {
            "limits": asdict(choice.limits),
            "least": choice.least,
            "loss_of": self.judge,
            "layers": [{**asdict(way), "why": choice.why[name]} for name, way in choice.ways.items()],
            "tiles": choice.tiles,
            "steps": choice.total("steps"),
            "energy_j": choice.total("energy_j"),
            "predicted_loss": choice.predicted_loss,
            "measured_loss": {"mean": self.loss, "per_chip": list(self.losses)},
            "candidates": [asdict(candidate) for candidate in self.candidates],
        }


def best_mapping(
    model: ChipModel | nn.Module,
    task: Task | Iterable[Any],
    limits: Limits,
    *,
    least: Quantity = "loss",
    pins: Mapping[str, str] | None = None,
    judge: Judge = "outputs",
    chips: int = 3,
    report: Progress = quiet,
) -> BestMapping:
    """Choose how every layer of a network is mapped.

    Args:
        model: the network, compiled in any way; another module is compiled first.
        task: what it is judged by; or batches as `evaluate` takes them. Losses are measured on its probes.
        limits: of everything.
        least: what shall be least.
        pins: layer -> way that the user wants.
        judge: `outputs` (their error's power) or `decisions` (divergence of the classes' probabilities).
        chips: chip instances measured.
        report: is told the progress.

    Raises:
        CapacityError: no choice keeps the limits.
        ConfigurationError: a pin names no layer or no way.
    """
    loss = LOSSES[judge]
    judged = Task.of(task)
    model = ready(model, judged)
    batches = judged.probing()
    found = candidates(
        model,
        replace(judged, probes=[Batch(inputs) for inputs in batches]),
        digital=limits.digital_layers > 0,
        loss=loss,
        chips=chips,
        report=report,
    )
    choice = choose(found, pins=pins, least=least, **asdict(limits))
    losses = []
    for number in range(chips):
        report("the choice as a whole", number, chips)
        chip = apply(instance(model, number), choice)
        lost = [loss(call(chip, batch), call(model.software, batch)) for batch in batches]
        losses.append(sum(lost) / len(lost))
    report("the choice as a whole", chips, chips)
    return BestMapping(choice, found, tuple(losses), judge)
