"""What happens in a time step, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pcmesh.hardware import ChipSpec, Site
from pcmesh.mapping import Lane, Mapping, Phase
from pcmesh.routing import ChipSchedule, GroupReadout, Integration, Operand, Step, Transfer


def phase_words(phase: Phase) -> str:
    """Return a phase in short: device pairs, charging (+) or discharging (-), part of the input; e.g. `WP1 - x<0`."""
    pairs = "+".join(f"WP{pair}" for pair in phase.pairs)
    return f"{pairs} {'+' if phase.polarity > 0 else '-'} {'x>0' if phase.part == 'positive' else 'x<0'}"


def operand_words(operand: Operand) -> str:
    """Return which slice of which vector, and which part of it."""
    sign = "+" if operand.part == "positive" else "-"
    return f"{operand.vector}[{operand.start}:{operand.stop}]{sign}"


def transfer_words(chip: ChipSpec, mapping: Mapping, transfer: Transfer) -> str:
    """Return source, vector and destinations of a transfer."""
    if transfer.ilp is not None:
        source = f"ILP {chip.grid.ilps[transfer.ilp].domain}"
        what = f" {operand_words(transfer.operand)}" if transfer.operand is not None else ""
    else:
        assert transfer.group is not None
        group = mapping.groups[transfer.group]
        lane = "" if transfer.lane is Lane.ALL else f" ({transfer.lane} wires)"
        source, what = group.layer, f"[{group.column_start}:{group.column_stop}]{lane}"
    if transfer.olp is not None:
        return f"{source}{what} to OLP {chip.grid.olps[transfer.olp].domain}"
    return f"{source}{what} to {_tiles(chip, transfer.rows_of)}"


def readout_words(mapping: Mapping, readout: GroupReadout) -> str:
    """Return which layer's columns are compared with the ramp."""
    group = mapping.groups[readout.group]
    return f"{group.layer}[{group.column_start}:{group.column_stop}] ramp, {readout.activation}"


def schedule_words(chip: ChipSpec, mapping: Mapping, schedule: ChipSchedule) -> list[dict[str, Any]]:
    """Return `[{step, activities}]` of one chip: for each time step, one text per transfer, integration and readout."""
    return [
        {"step": number, "activities": _step_words(chip, mapping, step)}
        for number, step in enumerate(schedule.steps, 1)
    ]


def _step_words(chip: ChipSpec, mapping: Mapping, step: Step) -> list[str]:
    lines = [readout_words(mapping, readout) for readout in step.readouts]
    lines += [transfer_words(chip, mapping, transfer) for transfer in step.transfers]
    together: dict[tuple[str, str], list[Integration]] = {}
    for integration in step.integrations:
        layer = mapping.tiles[integration.tile].wp1.layer
        together.setdefault((layer, phase_words(integration.phase)), []).append(integration)
    for (layer, phase), members in together.items():
        lines.append(f"{layer} integrates on {_tiles(chip, [member.site for member in members])} ({phase})")
    return lines


def _tiles(chip: ChipSpec, sites: Sequence[Site]) -> str:
    numbers = sorted(chip.grid.number(site) for site in sites)
    return f"tile{'s' if len(numbers) > 1 else ''} {number_ranges(numbers)}"


def number_ranges(numbers: list[int]) -> str:
    """Return ascending numbers with runs shortened: 0, 1, 2, 5 becomes `0-2, 5`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
