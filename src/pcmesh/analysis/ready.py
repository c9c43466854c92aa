"""A network ready to be judged: on a chip, whether it was compiled before or not; and on other chip instances."""

from __future__ import annotations

from typing import Any

from torch import nn

from pcmesh.analysis.task import Task
from pcmesh.deployed import ChipModel, compile_model


def ready(model: ChipModel | nn.Module, task: Task) -> ChipModel:
    """Return a chip model; another module is compiled, with the calibration data of a task."""
    if isinstance(model, ChipModel):
        return model
    frames = task.calibrating()
    return compile_model(model, frames[0], calibration=frames)


def instance(model: ChipModel, number: int, **changes: Any) -> ChipModel:
    """Return a network on another chip instance, as old as it is here.

    Args:
        model: the network on the first instance.
        number: counted from that one: 0 is itself.
        changes: as `ChipModel.on` takes them.
    """
    if number == 0 and not changes:
        return model
    other = model.on(number=model.instance.number + number, **changes)
    return other.at(model.age_s) if model.age_s else other
