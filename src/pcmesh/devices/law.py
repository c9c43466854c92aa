"""What a memory device does: how it is programmed, what time makes of it, how it fluctuates while it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Programmed:
    """What closed-loop programming leaves on devices of one target each, in units of g_max.

    Attributes:
        mean: conductance on average; the target itself where programming has no bias.
        sigma: its spread.
        age_s: seconds after the last programming pulse at which both hold; drift begins there.
    """

    mean: Array
    sigma: Array
    age_s: float = 20.0


@dataclass(frozen=True)
class Retention:
    """What some time makes of devices: (g + N(0, sigma))·exp(-|N(exponent, exponent_sigma)|·log_time) + shift.

    A device draws its two numbers once: it has the same exponent and the same fluctuation at every time. The
    fluctuation is one of the conductance that is left, so it shrinks as the device drifts.

    Attributes:
        exponent, exponent_sigma: mean and spread of the drift exponent of a device that starts at each conductance.
        log_time: logarithm of the factor by which the devices' age grew, ln((t + t_c) / t_c).
        shift: what is added to the conductance, in units of g_max.
        sigma: spread of fluctuations since then that are too slow to be new in each read, of a device that has not
            drifted, in units of g_max.
    """

    exponent: Array
    exponent_sigma: Array
    log_time: float
    shift: Array
    sigma: Array


@runtime_checkable
class DeviceLaw(Protocol):
    """Statistics of one kind of device. Conductances g are arrays of any shape in units of g_max (1: `g_max_us`).

    A chip tabulates its law over the conductance steps, from 0 to 1.7, once; every method must be finite there.
    """

    @property
    def g_max_us(self) -> float:
        """Conductance that g = 1 stands for where the law was measured, µS."""

    @property
    def exact(self) -> bool:
        """Whether devices hold what they are told for ever: no noise, no drift. Their steps are then finer."""

    def programmed(self, g: Array) -> Programmed:
        """Return what programming leaves on devices with targets g."""

    def retention(self, g: Array, time_s: float, age_s: float, window_s: float) -> Retention:
        """Return what `time_s` seconds make of devices that had conductance g at the age `age_s`.

        Args:
            g: conductances at the age `age_s`.
            time_s: seconds since then.
            age_s: seconds from their last programming pulse to then.
            window_s: fluctuations faster than this belong to `read_sigma`.
        """

    def read_sigma(self, g: Array, window_s: float) -> Array:
        """Return σ of the noise of one read: fluctuations from the time of a read to `window_s`."""
