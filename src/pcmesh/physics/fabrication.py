"""What fabrication made of one chip: mismatch of columns, ramps, wires and clocks, drawn once per chip instance."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pcmesh.hardware import ChipSpec, Site
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.random import stream_key, torch_generator

_MAX_ASYMMETRY = 0.15


@dataclass(frozen=True)
class Instance:
    """One chip instance: a seed and a number; chip `chip` of a multi-chip network is another die of it."""

    seed: int
    number: int = 0
    chip: int = 0

    def on_chip(self, chip: int) -> Instance:
        """Return the same instance's die number `chip`."""
        return Instance(self.seed, self.number, chip)


@dataclass(frozen=True)
class TileFabric:
    """A tile's periphery as fabricated; all tensors (columns,) float32.

    Attributes:
        branch, direction: half differences of the mirror's gains (see `physics.cell`).
        gain: common gain of mirror and capacitor.
        compression: relative loss of gain at the reference current.
        offset_v: comparator offset, V.
        ramp_bow: largest deviation of the tile's shared ramp from a line, share of full scale.
        device_key: key of the stream from which the devices' ceilings and defects are drawn.
    """

    branch: torch.Tensor
    direction: torch.Tensor
    gain: torch.Tensor
    compression: torch.Tensor
    offset_v: torch.Tensor
    ramp_bow: float
    device_key: int


def fabricate_tile(chip: ChipSpec, instance: Instance, site: Site) -> TileFabric:
    """Return the periphery of the tile at a site of a chip instance."""
    names = (instance.number, instance.chip, site.row, site.column)
    generator = torch_generator(instance.seed, "fabrication", *names)
    column = chip.column

    def draw(sigma: float) -> torch.Tensor:
        return torch.randn(chip.tile.columns, generator=generator, dtype=torch.float32) * sigma

    branch, direction = (
        draw(sigma).clamp(-_MAX_ASYMMETRY, _MAX_ASYMMETRY)
        for sigma in (column.branch_asymmetry_sigma, column.direction_asymmetry_sigma)
    )
    gain = (1.0 + draw(column.gain_sigma)).clamp(0.5, 1.5)
    compression = column.compression * (1.0 + draw(column.compression_sigma)).clamp(0.0, 3.0)
    offset = draw(column.offset_sigma_mv * 1e-3)
    bow = float(torch.randn(1, generator=generator, dtype=torch.float32)) * column.ramp_bow
    key = stream_key(instance.seed, "fabrication", "devices", *names)
    return TileFabric(branch, direction, gain, compression, offset, bow, key)


def wire_shifts(chip: ChipSpec, instance: Instance, site: Site, port: str) -> torch.Tensor:
    """Return how much wider a pulse leaves the borderguard `port` (side and direction, e.g. "Win") of a grid place.

    Returns:
        (wires,) int32, in ticks of 1/256 ns.
    """
    names = (instance.number, instance.chip, site.row, site.column, port)
    generator = torch_generator(instance.seed, "fabrication", "wire", *names)
    mesh = chip.mesh
    shift_ns = mesh.hop_width_shift_ns + mesh.hop_width_sigma_ns * torch.randn(
        chip.wires, generator=generator, dtype=torch.float32
    )
    return torch.round(shift_ns * TICKS_PER_NS).to(torch.int32)


def clock_ratio(chip: ChipSpec, instance: Instance, olp: int) -> float:
    """Return the period of an OLP's clock, in units of the ILPs' clock."""
    generator = torch_generator(instance.seed, "fabrication", "clock", instance.number, instance.chip, olp)
    return 1.0 + chip.mesh.clock_ratio_sigma * float(torch.randn(1, generator=generator, dtype=torch.float32))
