"""Workloads by name: a network, the data that it is calibrated with and judged by, and how it is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from torch import nn

from pcmesh.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What the command line does with a name instead of FILE.py:FUNCTION.

    Attributes:
        network: makes the network, with its weights.
        calibration: gives batches of inputs; the first one is the example that the network is captured with.
        task: gives the batches by which it is judged: inputs, or pairs (inputs, labels).
        recipe: options of `pcmesh.compile`; what a user asks for stands before them.
    """

    network: Callable[[], nn.Module]
    calibration: Callable[[], Iterable[Any]]
    task: Callable[[], Iterable[Any]]
    recipe: Mapping[str, Any] = field(default_factory=dict)


WORKLOADS: Final = Registry(
    kind="workload",
    group="pcmesh.workloads",
    protocol="pcmesh.deployed.workload:Workload",
    shipped={"kws": "pcmesh.workloads.kws.workload:KWS"},
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
