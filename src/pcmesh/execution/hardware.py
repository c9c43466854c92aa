"""One physical, programmed chip that knows nothing of a network: what the clocked engine executes microcode on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pcmesh.hardware import ChipSpec, Site
from pcmesh.physics.cell import CellArrays, read_variance_table, variance_unit
from pcmesh.physics.fabrication import Instance, TileFabric
from pcmesh.programming.chip import ProgrammedNetwork


@dataclass(frozen=True)
class TileHardware:
    """A tile's cells (bias rows last) and its periphery as fabricated."""

    cells: CellArrays
    fabric: TileFabric


@dataclass(frozen=True)
class ChipHardware:
    """One die.

    Attributes:
        chip: what it was designed to be.
        instance: which die; wires and clocks are fabricated from it.
        variance_unit: g_max² of one level of `CellArrays.variance`.
        tiles: the programmed tiles; a place that is not listed has a mesh and a controller, but no cells.
    """

    chip: ChipSpec
    instance: Instance
    variance_unit: float
    tiles: Mapping[Site, TileHardware]


def chip_hardware(network: ProgrammedNetwork, die: int = 0) -> ChipHardware:
    """Return die `die` of a programmed network, at the network's age."""
    return ChipHardware(
        chip=network.chip,
        instance=network.instance.on_chip(die),
        variance_unit=variance_unit(read_variance_table(network.chip.pcm)),
        tiles={
            place.site: TileHardware(network.cells(index), network.fabric[index])
            for index, place in enumerate(network.placement.places)
            if place.chip == die
        },
    )
