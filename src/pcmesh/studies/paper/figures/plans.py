"""Figures of compiled networks: floorplans, routes, time steps."""

from __future__ import annotations

from collections.abc import Callable

from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.figures.shapes import Data


def of_chip(kind: str, chip: int) -> Callable[[Experiments], Data]:
    """Return what makes the `floorplan`, `routes` or `timeline` of one chip of the RNN-T."""
    return lambda e: _plan(e, kind, chip)


def keyword_frame(e: Experiments) -> Data:
    """What a frame of the keyword network does when."""
    return _plan(e, "timeline", 0, kws=True)


def _plan(e: Experiments, kind: str, chip: int, kws: bool = False) -> Data:
    plan = e.kws.compiled if kws else e.rnnt
    return {
        "kind": kind,
        "index": chip,
        "chip": e.chip.model_dump(mode="json"),
        "mapping": plan.mapping.model_dump(mode="json"),
        "placement": plan.placement.model_dump(mode="json"),
        "schedule": None if kind == "floorplan" else plan.routing.chips[chip].model_dump(mode="json"),
    }
