"""What one vector of a layer draws: its events from the mapping times the cost table, without routes.

Counted as `execution.clocked.Activity` counts; estimated where only a route would tell: a pulse crosses half the grid,
half of a signed vector's values are sent in each of its phases, and controllers' fetches are left out (below 1 %).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping
from pcmesh.network.operations.digital import AFFINE, CONVERSION
from pcmesh.performance.conduction import typical_conductance_us
from pcmesh.performance.costs import load_costs


def vector_steps(mapping: Mapping, chip: ChipSpec, chips: Sequence[int], layer: str) -> int:
    """Return the time steps of one vector of a layer: integration on all tiles at once, then every bank to an OLP.

    Args:
        mapping: the network.
        chip: the kind of chip.
        chips: the chip of each tile.
        layer: of the graph.
    """
    return vector_phases(mapping, layer) + max(output_slots(mapping, chip, chips, layer).values())


def taken_steps(mapping: Mapping, chip: ChipSpec, chips: Sequence[int], layer: str) -> int:
    """Return the time steps for which one vector takes a layer's tiles; arguments as `vector_steps`.

    Pulses that go to other tiles come from the columns for as long as these integrate.
    """
    output = mapping.layer(layer).output
    behind = [vector_phases(mapping, entry.layer) for entry in mapping.layers if entry.input == output]
    return vector_steps(mapping, chip, chips, layer) + max(behind, default=0)


def vector_phases(mapping: Mapping, layer: str) -> int:
    """Return the time steps in which a layer's tiles integrate one vector."""
    groups = mapping.groups_of(layer)
    return max(len(mapping.phases(mapping.tiles[index])) for group in groups for index in group.tiles)


def output_slots(mapping: Mapping, chip: ChipSpec, chips: Sequence[int], layer: str) -> dict[int, int]:
    """Return the time steps in which one vector of a layer leaves each of its chips; arguments as `vector_steps`.

    None where its pulses go to other tiles while these integrate.
    """
    if hands_over(mapping, layer):
        return dict.fromkeys({chips[group.tiles[0]] for group in mapping.groups_of(layer)}, 0)
    banks = Counter(chips[group.tiles[0]] for group in mapping.groups_of(layer))
    return {number: math.ceil(count / len(chip.grid.olps)) for number, count in banks.items()}


def hands_over(mapping: Mapping, layer: str) -> bool:
    """Return whether a layer's pulses go straight to the rows of another."""
    output = mapping.layer(layer).output
    return any(entry.input == output for entry in mapping.layers)


def vector_events(mapping: Mapping, chip: ChipSpec, chips: Sequence[int], layer: str) -> dict[str, float]:
    """Return the events of one vector of a layer, by the cost table's kinds; arguments as `vector_steps`."""
    digital = pulse_operations(mapping, layer) + code_operations(mapping, layer)
    return {**chip_events(mapping, chip, chips, layer), "vector_operations": float(digital)}


def chip_events(mapping: Mapping, chip: ChipSpec, chips: Sequence[int], layer: str) -> dict[str, float]:
    """Return the events of one vector of a layer on the chips; arguments as `vector_steps`."""
    steps = vector_steps(mapping, chip, chips, layer)
    groups = mapping.groups_of(layer)
    tiles = [mapping.tiles[index] for group in groups for index in group.tiles]
    phases = sum(len(mapping.phases(tile)) for tile in tiles)
    rows = mapping.layer(layer).rows
    columns = sum(group.columns for group in groups)
    busy_ns = steps * chip.timing.step_ns
    chain_ns = _chain_steps(mapping, chip, chips, layer) * chip.timing.step_ns
    used = len({chips[tile.index] for tile in tiles})
    share = 0.5 if mapping.layer(layer).signed_input else 1.0
    pulses = rows * max(len(mapping.phases(tile)) for tile in tiles) * share
    crossed = max(chip.grid.rows, chip.grid.columns) / 2
    conductance_us = typical_conductance_us(chip, mapping.layer(layer).encoding)
    return {
        "column_ns": float(phases * chip.tile.columns * chip.timing.input_max_ns),
        "column_on_ns": float(len(tiles) * chip.tile.columns * chain_ns),
        "device_fc": pulses * chip.timing.input_max_ns / 4 * columns * conductance_us * chip.column.read_voltage_v,
        "conversions": float(columns),
        "charged_ff": float(columns * chip.column.capacitance_ff),
        "ilp_pulses": 0.0 if mapping.producers(layer) else pulses,
        "wire_rows": ((0.0 if mapping.producers(layer) else pulses) + columns) * chip.wires * crossed,
        "olp_counts": 0.0 if hands_over(mapping, layer) else float(columns),
        "on_ns": float(used * busy_ns),
    }


def _chain_steps(mapping: Mapping, chip: ChipSpec, chips: Sequence[int], layer: str) -> int:
    """Return the time steps of one vector of a layer and of all layers before and behind it that hand pulses over."""
    own = mapping.layer(layer)
    before = next((entry for entry in mapping.layers if entry.output == own.input), None)
    if before is not None:
        return _chain_steps(mapping, chip, chips, before.layer)
    found = 0
    while own is not None:
        found += vector_steps(mapping, chip, chips, own.layer)
        own = next((entry for entry in mapping.layers if entry.input == own.output), None)  # type: ignore[assignment]
    return found


def pulse_operations(mapping: Mapping, layer: str) -> int:
    """Return the digital operations that make pulses of one vector of a layer: none where a tile sends them."""
    return 0 if mapping.producers(layer) else mapping.layer(layer).rows * CONVERSION.operations


def code_operations(mapping: Mapping, layer: str) -> int:
    """Return the digital operations that make numbers of the codes of one vector: none where pulses go to tiles."""
    columns = sum(group.columns for group in mapping.groups_of(layer))
    return 0 if hands_over(mapping, layer) else columns * AFFINE.operations


def joule(events: dict[str, float]) -> float:
    """Return the energy of events by the cost table, J.

    Raises:
        VerificationError: a kind of event that has no cost.
    """
    costs = load_costs()
    costs.check_events(events)
    return sum(events[cost.counts] * cost.pj for cost in costs.cost if cost.counts in events) * 1e-12
