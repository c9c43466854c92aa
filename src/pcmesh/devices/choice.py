"""The device law of a chip, and a check of what it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pcmesh.devices.law import DeviceLaw, Programmed, Retention
from pcmesh.devices.table import TableLaw
from pcmesh.errors import ConfigurationError
from pcmesh.hardware import DEVICE_LAWS, PcmSpec

Array = NDArray[np.float64]


@lru_cache(64)
def law_of(pcm: PcmSpec) -> DeviceLaw:
    """Return the law of a chip's devices, in units of the chip's g_max: its table, or the law that it names.

    Raises:
        ConfigurationError: no such law; later, where the law gives something that no device can have.
    """
    if pcm.table:
        return _Checked(pcm.law, TableLaw(pcm.table, pcm.g_max_us))
    law = cast(DeviceLaw, DEVICE_LAWS.load(pcm.law))
    return _Checked(pcm.law, law, 1.0 if law.exact else pcm.g_max_us / law.g_max_us)


@dataclass(frozen=True)
class _Checked:
    """A law whose answers are checked: one finite number for each conductance, and no negative spread.

    `scale` is the chip's g_max in units of the law's: a chip that maps its weights to smaller conductances than the law
    goes up to uses the lower part of its devices.
    """

    name: str
    law: DeviceLaw
    scale: float = 1.0

    @property
    def g_max_us(self) -> float:
        return self.law.g_max_us * self.scale

    @property
    def exact(self) -> bool:
        return self.law.exact

    def programmed(self, g: Array) -> Programmed:
        given = self.law.programmed(g * self.scale)
        self._check("programmed", g, mean=given.mean)
        self._check("programmed", g, 0.0, sigma=given.sigma)
        self._check("programmed", np.zeros(()), 0.0, age_s=np.asarray(given.age_s))
        return Programmed(given.mean / self.scale, given.sigma / self.scale, given.age_s)

    def retention(self, g: Array, time_s: float, age_s: float, window_s: float) -> Retention:
        given = self.law.retention(g * self.scale, time_s, age_s, window_s)
        self._check("retention", g, exponent=given.exponent, shift=given.shift)
        self._check("retention", g, 0.0, exponent_sigma=given.exponent_sigma, sigma=given.sigma)
        self._check("retention", np.zeros(()), log_time=np.asarray(given.log_time))
        return replace(given, shift=given.shift / self.scale, sigma=given.sigma / self.scale)

    def read_sigma(self, g: Array, window_s: float) -> Array:
        given = self.law.read_sigma(g * self.scale, window_s)
        self._check("read_sigma", g, 0.0, sigma=given)
        return given / self.scale

    def _check(self, method: str, g: Array, least: float = -np.inf, **values: Array) -> None:
        for name, value in values.items():
            if np.shape(value) != g.shape:
                raise self._error(method, f"{name} has the shape {np.shape(value)} for {g.shape} conductances")
            wrong = ~(np.isfinite(value) & (np.asarray(value) >= least))
            if wrong.any():
                at = f" at g = {g[wrong][0]:g}" if g.ndim else ""
                raise self._error(method, f"{name} = {np.asarray(value)[wrong][0]:g}{at}")

    def _error(self, method: str, what: str) -> ConfigurationError:
        remedy = "It must give a finite number for each conductance, and no negative spread"
        return ConfigurationError(f"the device law {self.name!r}: {method} gives {what}", remedy)
