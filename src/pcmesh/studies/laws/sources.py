"""What makes the chip's products inexact, and the keys that switch each of it off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pcmesh.hardware import ChipSpec, change_chip


@dataclass(frozen=True)
class ErrorSource:
    """One source of errors.

    Attributes:
        name: for people.
        off: changes of the chip without it, as `table.key=value`.
    """

    name: str
    off: tuple[str, ...]


SOURCES = (
    ErrorSource(
        "programming",
        (
            "programming.pulse_noise_scale=0.0",
            "programming.relaxation_scale=0.0",
            "programming.verify_noise=0.0",
            "programming.window=1e-4",
            "pcm.stuck_low_probability=0.0",
            "pcm.stuck_high_probability=0.0",
            "pcm.g_ceiling_spread=0.0",
        ),
    ),
    ErrorSource("saturated weights", ("programming.saturated_share=0.0",)),
    ErrorSource("drift before calibration", ("pcm.drift_scale=0.0",)),
    ErrorSource(
        "branches and directions", ("column.branch_asymmetry_sigma=0.0", "column.direction_asymmetry_sigma=0.0")
    ),
    ErrorSource("linearity of the branches", ("column.compression=0.0",)),
    ErrorSource("ramp", ("column.ramp_bow=0.0",)),
    ErrorSource("comparator and capacitor", ("column.noise_mv=0.0", "column.offset_sigma_mv=0.0")),
    ErrorSource(
        "edges of pulses",
        (
            "mesh.jitter_ns=0.0",
            "mesh.hop_width_shift_ns=0.0",
            "mesh.hop_width_sigma_ns=0.0",
            "mesh.clock_ratio_sigma=0.0",
        ),
    ),
)
FLOOR = "8 bits, read noise"
"""What is left with all sources off: eight bits in and out, and the noise of reading, which no key switches off."""


def without(chip: ChipSpec, names: Collection[str]) -> ChipSpec:
    """Return a chip without some sources of errors.

    Raises:
        ConfigurationError: the chip has no such key.
    """
    changes = [change for source in SOURCES if source.name in names for change in source.off]
    return change_chip(chip, changes) if changes else chip
