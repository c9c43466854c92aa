"""Programming a whole network: every tile of every chip of one chip instance."""

from __future__ import annotations

import math
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace

import torch

from pcmesh.durations import format_duration
from pcmesh.errors import InputError
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping, TileImage
from pcmesh.physics.cell import CellArrays, cell_arrays, read_variance_table, reading_gains
from pcmesh.physics.fabrication import Instance, TileFabric, fabricate_tile
from pcmesh.physics.units import steps_per_g_max
from pcmesh.placement import Placement
from pcmesh.programming.closed_loop import DevicePlace, WrittenTile, write_tile
from pcmesh.programming.drift import age
from pcmesh.programming.targets import LayerTargets, physical_columns, tile_targets
from pcmesh.random import stream_key


@dataclass(frozen=True)
class ProgrammedNetwork:
    """A network's tiles as they are on one chip instance.

    Attributes:
        chip, instance, mapping, placement: what was programmed where.
        targets: layer name -> targets.
        g: tile index -> (2 pairs, 2 branches, rows + bias rows, columns) int16 in steps of g_max / 9,600 (int32
            in divided steps for devices without noise).
        fabric: tile index -> its periphery.
        pulses: programming pulses given so far.
        age_s: time since calibration, which is `pcm.calibration_age_s` after the last programming pulse.
        bias_written_s: tile index -> (2 pairs, 2 branches, bias rows, columns) float64, age at which each device of the
            bias rows was last written (0: with the weights, and so are all of a tile that is missing).
    """

    chip: ChipSpec
    instance: Instance
    mapping: Mapping
    placement: Placement
    targets: Dict[str, LayerTargets]
    g: Dict[int, torch.Tensor]
    fabric: Dict[int, TileFabric]
    pulses: int = 0
    age_s: float = 0.0
    bias_written_s: Dict[int, torch.Tensor] = field(default_factory=dict)

    def cells(self, tile: int) -> CellArrays:
        """Return a tile's cells at the network's age."""
        return cell_arrays(self.conductances(tile), self.fabric[tile], read_variance_table(self.chip.pcm))

    def conductances(self, tile: int) -> torch.Tensor:
        """Return a tile's conductances at the network's age, conductance steps."""
        rows, pcm = self.chip.tile.rows, self.chip.pcm
        weights = age(self.g[tile][:, :, :rows], pcm.calibration_age_s + self.age_s, self._key("drift", tile), pcm)
        return torch.cat([weights, self._bias_rows(tile)], dim=2)

    def _bias_rows(self, tile: int) -> torch.Tensor:
        """Return the bias rows of a tile, each device as old as it is."""
        g, key, pcm = self.g[tile][:, :, self.chip.tile.rows :], self._key("drift", tile, 1), self.chip.pcm
        aged = age(g, pcm.calibration_age_s + self.age_s, key, pcm)
        written_s = self.bias_written_s.get(tile)
        if written_s is None:
            return aged
        for moment in sorted(set(written_s[written_s > 0].tolist())):
            young = age(g, pcm.rewriting_age_s + self.age_s - moment, key, pcm)
            aged = torch.where(written_s == moment, young, aged)
        return aged

    def weights(self, tile: int) -> torch.Tensor:
        """Return the weights that a tile's pairs hold at the network's age, (2, rows, columns) in units of g_max."""
        g = self.conductances(tile)[:, :, : self.chip.tile.rows].to(torch.float32) / steps_per_g_max(self.chip.pcm)
        return g[:, 0] - g[:, 1]

    def written_weights(self, tile: int) -> torch.Tensor:
        """Return the weights of a tile's pairs as programming left and read them, (2, rows, columns) in g_max."""
        gains = self.reading_gains(tile)[:, None]
        g = self.g[tile][:, :, : self.chip.tile.rows].to(torch.float32) / steps_per_g_max(self.chip.pcm)
        return g[:, 0] * gains[0] - g[:, 1] * gains[1]

    def reading_gains(self, tile: int) -> torch.Tensor:
        """Return what a reading shows of a tile's conductances of 1, (2 branches, columns) float32.

        Programming reads a tile as it is used: its columns charge the capacitors of the tile that shares them.
        """
        bank = self.mapping.groups[self.mapping.tiles[tile].group].tiles[-1]
        return reading_gains(self.fabric[tile], self.fabric[bank])

    def aged(self, age_s: float) -> ProgrammedNetwork:
        """Return the network `age_s` seconds after calibration.

        Raises:
            InputError: bias rows were written later than that.
        """
        last = max((float(written.max()) for written in self.bias_written_s.values()), default=0.0)
        if not last <= age_s < math.inf:
            raise InputError(
                f"a chip whose bias rows were written {format_duration(last)} after calibration cannot be "
                f"{format_duration(age_s)} old",
                "Give a later time, or age the chip before its bias rows are written",
            )
        return replace(self, age_s=age_s)

    def _key(self, stream: str, tile: int, *names: int) -> int:
        place = self.placement.places[tile]
        return stream_key(self.instance.seed, stream, self.instance.number, place.chip, *place.site, *names)


def fabricate(chip: ChipSpec, instance: Instance, mapping: Mapping, placement: Placement) -> ProgrammedNetwork:
    """Return the chip instance with nothing programmed yet."""
    fabric = {
        tile.index: fabricate_tile(chip, instance.on_chip(place.chip), place.site)
        for tile, place in zip(mapping.tiles, placement.places, strict=True)
    }
    return ProgrammedNetwork(chip, instance, mapping, placement, {}, {}, fabric)


def program(network: ProgrammedNetwork, targets: Dict[str, LayerTargets], attempt: int) -> ProgrammedNetwork:
    """Return the network with the named layers written by closed loop; other layers stay as they are.

    Args:
        network: the chip instance.
        targets: layer name -> what to write.
        attempt: number of this programming; each has its own randomness.
    """
    g, pulses, written_s = dict(network.g), network.pulses, dict(network.bias_written_s)
    for tile in network.mapping.tiles:
        if tile.wp1.layer in targets:
            written = _write(network, tile, targets[tile.wp1.layer], attempt, 0)
            g[tile.index] = written.g
            written_s.pop(tile.index, None)
            pulses += written.pulses
    return replace(network, targets={**network.targets, **targets}, g=g, pulses=pulses, bias_written_s=written_s)


def program_bias(
    network: ProgrammedNetwork, layer: str, bias: torch.Tensor, columns: torch.Tensor, attempt: int
) -> ProgrammedNetwork:
    """Return the network with the bias rows of some columns of a layer written, at the network's age.

    Args:
        network: the chip instance; its weights stay.
        layer: whose bias rows.
        bias: (columns,) new bias of all columns (`LayerTargets.bias`).
        columns: (columns,) bool, which are written.
        attempt: number of this programming; each has its own randomness.
    """
    targets, first = replace(network.targets[layer], bias=bias), network.chip.tile.rows
    g, pulses, written_s = dict(network.g), network.pulses, dict(network.bias_written_s)
    for group in network.mapping.groups_of(layer):
        tile = network.mapping.tiles[group.tiles[-1]]
        written = _write(network, tile, targets, attempt, first)
        chosen = physical_columns(group)[columns[group.column_start : group.column_stop]]
        rows = g[tile.index].clone()
        rows[:, :, first:, chosen] = written.g[..., chosen]
        g[tile.index] = rows
        ages = written_s.get(tile.index, torch.zeros(written.g.shape, dtype=torch.float64)).clone()
        ages[..., chosen] = network.age_s
        written_s[tile.index] = ages
        pulses += written.pulses * len(chosen) // network.chip.tile.columns
    merged = {**network.targets, layer: targets}
    return replace(network, targets=merged, g=g, pulses=pulses, bias_written_s=written_s)


def _write(
    network: ProgrammedNetwork, tile: TileImage, targets: LayerTargets, attempt: int, first_row: int
) -> WrittenTile:
    wanted = tile_targets(network.mapping, tile, targets, network.chip)[:, first_row:]
    key = network._key("programming", tile.index, attempt)
    place = DevicePlace(network.fabric[tile.index].device_key, network.reading_gains(tile.index), first_row)
    return write_tile(wanted, tile.encoding.record, place, key, network.chip)
