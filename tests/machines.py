"""Small chips and tiles for tests."""

import torch

from pcmesh.execution.behavioural.charge import PlacedCells
from pcmesh.hardware import ChipSpec, Site, load_chip
from pcmesh.mapping import Encoding, integration_phases
from pcmesh.physics.cell import cell_arrays, read_variance_table
from pcmesh.physics.fabrication import Instance, TileFabric, fabricate_tile
from pcmesh.physics.units import STEPS_PER_G_MAX


def small_chip(rows: int = 32, columns: int = 16, preset: str = "nature2023", **sections) -> ChipSpec:
    """Return a preset with small tiles; further keyword arguments change sections, e.g. column={"noise_mv": 0}."""
    values = load_chip(preset).model_dump()
    values["tile"].update(rows=rows, columns=columns)
    for section, changes in sections.items():
        values[section].update(changes)
    return ChipSpec.model_validate(values)


def random_conductances(chip: ChipSpec, seed: int = 0, balanced: bool = False) -> torch.Tensor:
    """Return random conductances (2, 2, rows + bias rows, columns) int16; balanced: WP2 holds exactly -WP1."""
    generator = torch.Generator().manual_seed(seed)
    shape = (2, 2, chip.tile.rows + chip.tile.bias_rows, chip.tile.columns)
    g = torch.randint(0, STEPS_PER_G_MAX + 1, shape, generator=generator, dtype=torch.int16)
    if balanced:
        g[1] = g[0].flip(0)
    return g


def placed(
    chip: ChipSpec, g: torch.Tensor, encoding: Encoding, signed: bool = True, fabric: TileFabric | None = None
) -> PlacedCells:
    """Return a tile that uses all rows and columns in an encoding."""
    made = fabric or fabricate_tile(chip, Instance(0), Site(0, 0))
    cells = cell_arrays(g, made, read_variance_table(chip.pcm))
    rows = {1: chip.tile.rows, 2: chip.tile.rows}
    columns = torch.arange(chip.tile.columns)
    stacked = encoding is Encoding.PCM2
    return PlacedCells(cells, integration_phases(encoding, signed), rows, columns, chip.tile.rows, stacked)
