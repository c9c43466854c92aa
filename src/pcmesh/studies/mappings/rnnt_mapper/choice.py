"""The solver's choice for the paper's RNN-T under the paper's limits, beside the paper's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pcmesh.analysis.mapping_choice.candidates import Candidate
from pcmesh.analysis.mapping_choice.choose import Choice, choose
from pcmesh.deployed.choices.options import product_options
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding
from pcmesh.performance import Plan
from pcmesh.studies.mappings.rnnt_mapper.ways import paper_ways
from pcmesh.workloads.rnnt.compiled.footprint import plan_rnnt
from pcmesh.workloads.rnnt.widths import RnntWidths

PAPER_TILES, PAPER_CHIPS = 142, 5


def paper_choice(found: Sequence[Candidate], widths: RnntWidths, chip: ChipSpec) -> Choice:
    """Return the paper's mapping as a choice among candidates."""
    return choose(found, pins=paper_ways(widths, chip))


def choice_under_paper_limits(found: Sequence[Candidate], chip: ChipSpec) -> Choice:
    """Return the choice that loses least on so many tiles and chips as the paper's."""
    return choose(found, PAPER_TILES, chips=PAPER_CHIPS, tiles_per_chip=chip.tiles)


def plan_choice(choice: Choice, widths: RnntWidths, chip: ChipSpec) -> Plan:
    """Place and route a choice on the chips that the solver gave its layers.

    Raises:
        CapacityError: it does not fit the tile grid.
    """
    options = {name: product_options(way, Encoding.AB) for name, way in choice.layers.items()}
    pinned = {
        name: one.model_copy(update={"chip": choice.chips[name] if choice.chips else None})
        for name, one in options.items()
    }
    return plan_rnnt(widths, chip, pinned)


def comparison(paper: Choice, chosen: Choice) -> dict[str, Any]:
    """Return both choices, matrix by matrix."""
    rows = [
        {"matrix": name, "paper": asdict(paper.ways[name]), "chosen": asdict(way), "why": chosen.why[name]}
        for name, way in chosen.ways.items()
    ]
    return {"matrices": rows, "paper": _totals(paper), "chosen": _totals(chosen)}


def _totals(choice: Choice) -> Mapping[str, float]:
    return {
        "tiles": choice.tiles,
        "predicted_loss": choice.predicted_loss,
        "energy_j": choice.total("energy_j"),
        "steps": choice.total("steps"),
    }
