"""Devices of a table of measured figures, linear between its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcmesh.devices.law import Programmed, Retention
from pcmesh.hardware.device_table import DeviceRow

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TableLaw:
    """Devices of measured figures; beyond the last row what its device misses, its spread and its drift stay.

    Attributes:
        rows: one for each target, from 0 up.
        g_max_us: conductance that g = 1 stands for, µS.
    """

    rows: tuple[DeviceRow, ...]
    g_max_us: float
    exact: bool = False

    def programmed(self, g: Array) -> Programmed:
        """Return the measured mean and spread."""
        missed = self._between(g, "mean_us") - self._between(g, "target_us")
        return Programmed(g + missed / self.g_max_us, self._between(g, "sigma_us") / self.g_max_us)

    def retention(self, g: Array, time_s: float, age_s: float, window_s: float) -> Retention:  # noqa: ARG002
        """Return a drift with the measured exponent; the table has no fluctuations slower than a read."""
        none = np.zeros_like(g)
        return Retention(self._between(g, "drift"), none, float(np.log1p(time_s / age_s)), none, none)

    def read_sigma(self, g: Array, window_s: float) -> Array:  # noqa: ARG002
        """Return the measured noise of one read."""
        return self._between(g, "read_noise_us") / self.g_max_us

    def _between(self, g: Array, column: str) -> Array:
        targets = np.array([row.target_us for row in self.rows])
        values = np.array([getattr(row, column) for row in self.rows])
        between: Array = np.interp(g * self.g_max_us, targets, values)
        return between
