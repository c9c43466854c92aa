"""A filamentary ReRAM, all that pcmesh asks of a device in one file. The figures are made up for the example.

Its filaments do not drift: they relax at random towards half of the range, more in every decade of time, and the
largest conductances are not quite reached. A read sees telegraph noise, whatever its length.
"""

from dataclasses import dataclass

import numpy as np

from pcmesh.devices import Programmed, Retention


@dataclass(frozen=True)
class ReRam:
    """ReRAM devices; conductances g in units of g_max."""

    g_max_us: float = 40.0
    exact: bool = False

    def programmed(self, g: np.ndarray) -> Programmed:
        return Programmed(mean=g - 0.03 * g**2, sigma=0.015 + 0.01 * g)

    def retention(self, g: np.ndarray, time_s: float, age_s: float, window_s: float) -> Retention:
        decades = np.log10(1 + time_s / age_s)
        none = np.zeros_like(g)
        return Retention(
            exponent=none,
            exponent_sigma=none,
            log_time=0.0,
            shift=0.02 * decades * (0.5 - g),
            sigma=np.full_like(g, 0.02 * np.sqrt(decades)),
        )

    def read_sigma(self, g: np.ndarray, window_s: float) -> np.ndarray:
        return 0.002 + 0.008 * g


RERAM = ReRam()
