"""Chips that differ from one in a way that people ask about."""

from __future__ import annotations

from pcmesh.errors import ConfigurationError
from pcmesh.hardware.periphery import TimingSpec
from pcmesh.hardware.spec import ChipSpec

_FINEST_NS = 1 / 256


def with_integration(chip: ChipSpec, integration_ns: int, tile_to_tile: bool = False) -> ChipSpec:
    """Return a chip with another integration time; the longest input pulse shrinks or grows in proportion.

    Args:
        chip: the chip.
        integration_ns: length of a time step in which tiles only integrate.
        tile_to_tile: output pulses are other tiles' inputs: they, their time steps and their counts are scaled alike.

    Raises:
        ConfigurationError: no pulse fits.
    """
    longest = chip.timing.input_max_ns * integration_ns // chip.timing.integration_ns
    if not 1 <= longest <= 255:
        raise ConfigurationError(
            f"integration_ns = {integration_ns}: the longest pulse would be {longest} ns", "Pulses of 1 to 255 ns exist"
        )
    return _with_pulses(chip, f"integrating {integration_ns} ns", longest, integration_ns, tile_to_tile)


def with_input_bits(chip: ChipSpec, bits: int, tile_to_tile: bool = False) -> ChipSpec:
    """Return a chip whose input pulses have `bits` bits instead of 8, and integration steps as much shorter.

    The clock stays: 4 bits are pulses of 0 to 15 ns. A step keeps what it has beyond the longest pulse.

    Raises:
        ConfigurationError: no such number of bits.
    """
    if not 1 <= bits <= 8:
        raise ConfigurationError(f"input pulses of {bits} bits", "1 to 8 bits are possible")
    longest, rest = 2**bits - 1, chip.timing.integration_ns - chip.timing.input_max_ns
    return _with_pulses(chip, f"inputs of {bits} bits", longest, longest + rest, tile_to_tile)


def with_more_olps(chip: ChipSpec, count: int) -> ChipSpec:
    """Return a chip with further output landing pads.

    Raises:
        ConfigurationError: no room at the ends of the mesh's rows.
    """
    name = f"{chip.name}, {count} more OLPs"
    return chip.model_copy(update={"name": name, "grid": chip.grid.with_more_olps(count)})


def _with_pulses(chip: ChipSpec, what: str, longest: int, integration_ns: int, tile_to_tile: bool) -> ChipSpec:
    timing = chip.timing
    changes: dict[str, float] = {"integration_ns": integration_ns, "input_max_ns": longest}
    if tile_to_tile:
        count = round(timing.output_step_ns * longest / timing.output_max_ns / _FINEST_NS) * _FINEST_NS
        changes |= {"step_ns": integration_ns, "output_max_ns": longest, "output_step_ns": max(count, _FINEST_NS)}
    changed = TimingSpec.model_validate(timing.model_dump() | changes)
    return chip.model_copy(update={"name": f"{chip.name}, {what}", "timing": changed})
