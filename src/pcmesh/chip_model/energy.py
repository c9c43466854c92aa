"""What one vector of a layer draws: its events from the mapping times the cost table, without routes.

Counted as `execution.clocked.Activity` counts; estimated where only a route would tell: a pulse crosses half the grid,
half of a signed vector's values are sent in each of its phases, and controllers' fetches are left out (below 1 %).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcmesh.evaluation.performance.costs import load_costs
from pcmesh.model.digital import AFFINE, CONVERSION

if TYPE_CHECKING:
    from pcmesh.chip_model.model import Deployment


def vector_events(deployment: Deployment, layer: str, steps: int) -> dict[str, float]:
    """Return the events of one vector of a layer, by the cost table's kinds.

    Args:
        deployment: the network as it is mapped.
        layer: of the graph.
        steps: time steps of a vector.
    """
    chip, mapping = deployment.chip, deployment.mapping
    groups = mapping.groups_of(layer)
    tiles = [mapping.tiles[index] for group in groups for index in group.tiles]
    phases = sum(len(mapping.phases(tile)) for tile in tiles)
    rows = mapping.layer(layer).rows
    columns = sum(group.columns for group in groups)
    busy_ns = steps * chip.timing.step_ns
    chips = len({deployment.placement.places[tile.index].chip for tile in tiles})
    share = 0.5 if mapping.layer(layer).signed_input else 1.0
    pulses = rows * max(len(mapping.phases(tile)) for tile in tiles) * share
    crossed = max(chip.grid.rows, chip.grid.columns) / 2
    return {
        "column_ns": float(phases * chip.tile.columns * chip.timing.input_max_ns),
        "column_on_ns": float(len(tiles) * chip.tile.columns * busy_ns),
        "row_ns": pulses * chip.timing.input_max_ns / 4,
        "conversions": float(columns),
        "charged_ff": float(columns * chip.column.capacitance_ff),
        "ilp_pulses": pulses,
        "wire_rows": (pulses + columns) * chip.wires * crossed,
        "olp_counts": float(columns),
        "on_ns": float(chips * busy_ns),
        "vector_operations": float(rows * CONVERSION.operations + columns * AFFINE.operations),
    }


def joule(events: dict[str, float]) -> float:
    """Return the energy of events by the cost table, J."""
    return sum(events.get(cost.counts, 0.0) * cost.pj for cost in load_costs().cost) * 1e-12
