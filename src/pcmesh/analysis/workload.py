"""Workloads by name: a network, the task that it is judged by, and how it is compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from torch import nn

from pcmesh.analysis.task import Task
from pcmesh.hardware import ChipSpec
from pcmesh.registry import Registry

Recipe = Mapping[str, Any] | Callable[[nn.Module, ChipSpec], Mapping[str, Any]]
"""Options of `pcmesh.compile`, or what gives them for a network and a chip."""


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """What of a workload's task is asked for.

    Attributes:
        samples: at most so many; None: as many as the task has.
        seed: of synthetic data.
        recordings: folder of recordings to take instead of the workload's own data.
    """

    samples: int | None = None
    seed: int = 0
    recordings: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What commands take by name, as they take FILE.py:FUNCTION.

    Attributes:
        network: makes the network, with its weights.
        task: gives what it is judged by and calibrated with; the first calibration batch is the example that the
            network is captured with, unless the recipe names one.
        recipe: options of `pcmesh.compile`, `example_inputs` among them; what a user asks for stands before them.
        load: makes the network with the weights of a file; None: a safetensors file of its own state.
        recordings: whether the task can be had of a folder of recordings.
    """

    network: Callable[[], nn.Module]
    task: Callable[[TaskOptions], Task]
    recipe: Recipe = field(default_factory=dict)
    load: Callable[[Path], nn.Module] | None = None
    recordings: bool = False

    def options(self, network: nn.Module, chip: ChipSpec) -> dict[str, Any]:
        """Return the recipe for a network on a chip."""
        return dict(self.recipe(network, chip) if callable(self.recipe) else self.recipe)


WORKLOADS: Final = Registry(
    kind="workload",
    group="pcmesh.workloads",
    protocol="pcmesh.analysis.workload:Workload",
    shipped={
        "kws": "pcmesh.workloads.kws.workload:KWS",
        "rnnt": "pcmesh.workloads.rnnt.workload:RNNT",
    },
)


def workload_of(name: str) -> Workload | None:
    """Return the workload of a name, or None where it is none's: then it names a file.

    Raises:
        ConfigurationError: a package adds it, but it cannot be used.
    """
    if name not in WORKLOADS:
        return None
    found: Workload = WORKLOADS.load(name)
    return found
