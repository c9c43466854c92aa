"""The lattices on which charge is exact.

Conductances, pulse lengths and charges are integers, so that sums are the same in any order, in any batch and in
both engines. One tick is 1/256 ns; one conductance step is g_max / 9,600 (1.1 nS on the preset chip), far
finer than the programming noise, and 256 times finer still for devices without noise; a pulse is at most 65,535 ticks
(the row driver's window of 256 ns).
"""

from pcmesh.devices import law_of
from pcmesh.hardware import PcmSpec

TICKS_PER_NS = 256
MAX_PULSE_TICKS = 65_535
STEPS_PER_G_MAX = 9_600
MAX_STEPS = 16_383
FINE_DIVISIONS = 256
MAX_CHARGE_STEPS = 16_256
"""Largest current of a pair; the sum of two still fits two int8 digits."""
CURRENT_LEVELS = 63
VARIANCE_LEVELS = 63
CURRENT_FULL_SCALE_G = 2.56
"""Sum of a pair's two conductances (in g_max) that is 63 levels of the total current."""
SLOPE_CODES_PER_NS_PER_V = 16
"""The ramp's slope is set in steps of 1/16 ns per volt (a 16-bit code)."""


def step_divisions(pcm: PcmSpec) -> int:
    """Return into how many parts a conductance step is divided: 256 for devices without noise (law `ideal`), else 1.

    Noise hides a step; without noise its rounding is what a matrix product is off by. Divided steps take a third digit.
    """
    return FINE_DIVISIONS if law_of(pcm).exact else 1


def steps_per_g_max(pcm: PcmSpec) -> int:
    """Return how many conductance steps make g_max on a chip with these devices."""
    return STEPS_PER_G_MAX * step_divisions(pcm)
