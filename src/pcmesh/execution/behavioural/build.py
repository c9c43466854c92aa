"""From a programmed network to banks: which columns see the same rows, with all their parameters."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, fields, replace

import torch

from pcmesh.execution.behavioural.bank import Bank, Collection
from pcmesh.execution.behavioural.charge import ChargeMatrix, PlacedCells, charge_matrix, side_by_side
from pcmesh.execution.paths import Paths
from pcmesh.mapping import ColumnGroup
from pcmesh.physics.cell import read_variance_table, variance_unit
from pcmesh.physics.column import ColumnParameters, RampSetting, column_parameters
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.programming.chip import ProgrammedNetwork
from pcmesh.programming.targets import physical_columns


@dataclass(frozen=True)
class LayerBank:
    """A bank and its place in the layer.

    Attributes:
        bank: the columns.
        rows: (K,) positions of its rows in the layer's input, or None for all of them in order.
        columns: (N,) positions of its columns in the layer's output.
        partial: number of the partial sum that it contributes to (0 where sums are analog).
    """

    bank: Bank
    rows: torch.Tensor | None
    columns: torch.Tensor
    partial: int = 0


@dataclass(frozen=True)
class LayerBanks:
    """All banks of one layer: `partials` sums of `columns` outputs that are added digitally."""

    banks: tuple[LayerBank, ...]
    columns: int
    partials: int

    def run(self, ticks: torch.Tensor, keys: torch.Tensor | None) -> torch.Tensor:
        """Run the layer; see `BehaviouralNetwork.run_layer`."""
        first = self.banks[0]
        if len(self.banks) == 1:
            return first.bank.run(ticks if first.rows is None else ticks[:, first.rows], keys)[None]
        out = torch.zeros((self.partials, ticks.shape[0], self.columns), dtype=torch.int32, device=ticks.device)
        for entry in self.banks:
            arriving = ticks if entry.rows is None else ticks[:, entry.rows]
            out[entry.partial].index_copy_(1, entry.columns, entry.bank.run(arriving, keys))
        return out

    def to(self, device: torch.device) -> LayerBanks:
        """Return a copy on a device."""
        moved = tuple(
            LayerBank(
                entry.bank.to(device),
                None if entry.rows is None else entry.rows.to(device),
                entry.columns.to(device),
                entry.partial,
            )
            for entry in self.banks
        )
        return LayerBanks(moved, self.columns, self.partials)


def build_layer(
    network: ProgrammedNetwork,
    layer: str,
    ramps: Dict[int, RampSetting],
    handed_over: bool,
    paths: Paths | None,
    analog_input: bool,
) -> LayerBanks:
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
    banks = [_layer_bank(network, groups, ramps, handed_over, paths, analog_input) for groups in merged.values()]
    total = network.mapping.layer(layer).columns
    filled = torch.zeros(total, dtype=torch.int64)
    placed = []
    for entry in banks:
        placed.append(replace(entry, partial=int(filled[entry.columns[0]])))
        filled[entry.columns] += 1
    return LayerBanks(tuple(placed), total, int(filled.max()))


def _blocks(network: ProgrammedNetwork, group: ColumnGroup) -> list:  # type: ignore[type-arg]
    """Return the blocks whose rows are the group's rows, in order (WP2 only where it holds other rows than WP1)."""
    found = []
    for index in group.tiles:
        tile = network.mapping.tiles[index]
        found.append(tile.wp1)
        if tile.encoding.record.stacked and tile.wp2 is not None:
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
                stacked=tile.encoding.record.stacked,
            )
        )
    bias_ticks = network.chip.timing.input_max_ns * TICKS_PER_NS
    return charge_matrix(placed, network.mapping.layer(group.layer).signed_input, bias_ticks)


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
    whole = torch.equal(rows, torch.arange(network.mapping.layer(groups[0].layer).rows))
    columns = torch.cat([torch.arange(group.column_start, group.column_stop) for group in groups])
    return LayerBank(bank, None if whole else rows, columns)


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
    return Collection(torch.cat(shifts), torch.cat(steps), int(timing.output_max_ns * TICKS_PER_NS / step))
