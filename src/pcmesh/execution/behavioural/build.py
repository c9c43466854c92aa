"""From a programmed network to banks: which columns see the same rows, with all their parameters."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, fields
from functools import cached_property

import torch

from pcmesh.execution.behavioural.bank import Bank, Collection
from pcmesh.execution.behavioural.charge import ChargeMatrix, PlacedCells, charge_matrix, side_by_side
from pcmesh.execution.paths import Paths
from pcmesh.mapping import ColumnGroup, Encoding
from pcmesh.physics.cell import read_variance_table, variance_unit
from pcmesh.physics.column import ColumnParameters, RampSetting, column_parameters
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.programming.chip import ProgrammedNetwork
from pcmesh.programming.targets import physical_columns


@dataclass(frozen=True)
class LayerBank:
    """A bank with the slices of the layer's input that its rows take, and of the output that its columns make."""

    bank: Bank
    rows: torch.Tensor
    columns: torch.Tensor

    @cached_property
    def takes_all(self) -> bool:
        """Whether the rows take the layer's first inputs in their order (a bank's tiles may lie in another one)."""
        return torch.equal(self.rows.cpu(), torch.arange(len(self.rows)))


def build_layer(
    network: ProgrammedNetwork,
    layer: str,
    ramps: Dict[int, RampSetting],
    handed_over: bool,
    paths: Paths | None,
    analog_input: bool,
) -> tuple[LayerBank, ...]:
    """Return the banks of one layer.

    Args:
        network: the programmed chip instance.
        layer: the layer's name.
        ramps: group -> how its columns are read.
        handed_over: the output stays a duration (else it is counted by an OLP).
        paths: what the mesh does to pulses, from the routes; None for tiles without a mesh.
        analog_input: the rows get durations from other tiles (not whole nanoseconds).
    """
    merged: dict[tuple[object, ...], list[ColumnGroup]] = {}
    for group in network.mapping.groups_of(layer):
        slices = tuple((b.row_start, b.row_stop) for b in _blocks(network, group))
        key = (slices,) if paths is None else (slices, group.index)
        merged.setdefault(key, []).append(group)
    return tuple(_layer_bank(network, groups, ramps, handed_over, paths, analog_input) for groups in merged.values())


def _blocks(network: ProgrammedNetwork, group: ColumnGroup) -> list:  # type: ignore[type-arg]
    """Return the blocks whose rows are the group's rows, in order (WP2 only where it holds other rows than WP1)."""
    found = []
    for index in group.tiles:
        tile = network.mapping.tiles[index]
        found.append(tile.wp1)
        if tile.encoding is Encoding.PCM2 and tile.wp2 is not None:
            found.append(tile.wp2)
    return found


def _matrix(network: ProgrammedNetwork, group: ColumnGroup) -> ChargeMatrix:
    placed = []
    for index in group.tiles:
        tile = network.mapping.tiles[index]
        placed.append(
            PlacedCells(
                cells=network.cells(index),
                phases=network.mapping.phases(tile),
                rows={pair: block.rows for pair in (1, 2) if (block := tile.block(pair)) is not None},
                columns=physical_columns(group),
                array_rows=network.chip.tile.rows,
                stacked=tile.encoding is Encoding.PCM2,
            )
        )
    return charge_matrix(placed, network.mapping.layer(group.layer).signed_input)


def driven_pairs(network: ProgrammedNetwork, group: ColumnGroup) -> int:
    """Return how many device pairs a group's tiles drive one after the other (for the compression's reference)."""
    phases = {phase.pairs for index in group.tiles for phase in network.mapping.phases(network.mapping.tiles[index])}
    return len(phases)


def _columns(network: ProgrammedNetwork, group: ColumnGroup, ramp: RampSetting) -> ColumnParameters:
    unit = variance_unit(read_variance_table(network.chip.pcm))
    fabric = network.fabric[group.tiles[-1]]
    whole = column_parameters(network.chip, fabric, ramp, unit, driven_pairs(network, group))
    select = physical_columns(group)
    return ColumnParameters(**{f.name: getattr(whole, f.name)[select] for f in fields(ColumnParameters)})


def _layer_bank(
    network: ProgrammedNetwork,
    groups: list[ColumnGroup],
    ramps: Dict[int, RampSetting],
    handed_over: bool,
    paths: Paths | None,
    analog_input: bool,
) -> LayerBank:
    chip = network.chip
    parameters = [_columns(network, group, ramps[group.index]) for group in groups]
    physical = [physical_columns(group) for group in groups]
    whole_ns = chip.timing.input_step_ns * TICKS_PER_NS % TICKS_PER_NS == 0
    bank = Bank(
        groups=tuple(group.index for group in groups),
        matrix=side_by_side([_matrix(network, group) for group in groups]),
        column=ColumnParameters(
            **{f.name: torch.cat([getattr(p, f.name) for p in parameters]) for f in fields(ColumnParameters)}
        ),
        counters=torch.cat([g.index * chip.tile.columns + p for g, p in zip(groups, physical, strict=True)]),
        signed=network.mapping.layer(groups[0].layer).signed_input,
        digits=1 if whole_ns and paths is None and not analog_input else 2,
        row_shift=None if paths is None else paths.row_shift(groups[0].index),
        collection=None if handed_over else _collection(network, groups, paths),
    )
    rows = torch.cat([torch.arange(b.row_start, b.row_stop) for b in _blocks(network, groups[0])])
    columns = torch.cat([torch.arange(group.column_start, group.column_stop) for group in groups])
    return LayerBank(bank, rows, columns)


def _collection(network: ProgrammedNetwork, groups: list[ColumnGroup], paths: Paths | None) -> Collection:
    timing = network.chip.timing
    step = timing.output_step_ns * TICKS_PER_NS
    counts = [group.columns for group in groups]
    shifts = [
        torch.zeros(group.columns, dtype=torch.int32) if paths is None else paths.output_shift(group.index)
        for group in groups
    ]
    ratios = [1.0 if paths is None else paths.clock_ratio(group.index) for group in groups]
    steps = [torch.full((n,), step * ratio, dtype=torch.float64) for n, ratio in zip(counts, ratios, strict=True)]
    return Collection(torch.cat(shifts), torch.cat(steps), int(timing.input_max_ns * TICKS_PER_NS / step))
