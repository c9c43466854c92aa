"""Phase-change memory: published statistics of programming, drift and 1/f noise; and devices without any noise.

Conductances are relative to the law's G_max (g = G / G_max). Sources:
`pcm_like`: Joshi et al., Nat. Commun. 11, 2473 (2020), 10.1038/s41467-020-16108-9; Nandakumar et al., ICECS 2019,
with the constants of the PCMLike model of the open-source analog hardware acceleration kit.
`hermes_1`, `hermes_2`: one and two devices per conductance of Le Gallo et al., Nat. Electron. 6, 680 (2023),
10.1038/s41928-023-01010-1, with the constants of that kit's HERMES model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcmesh.devices.law import Programmed, Retention

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_TINY = 1e-6


@dataclass(frozen=True)
class PcmLaw:
    """One set of published statistics.

    Attributes:
        g_max_us: G_max of the publication, µS.
        programming_sigma: σ of the conductance left by program-and-verify, in units of G_max.
        programmed_age_s: seconds after the last pulse at which it was read: t_0 of the publication's drift law.
        drift_mean, drift_sigma: mean and spread of the drift exponent ν.
        read_q: Q(g), relative 1/f noise: σ_G = G·Q·sqrt(ln(T2 / T1)) between the time scales T1 and T2.
        read_time_s: shortest time scale that counts (the bandwidth of a read).
    """

    g_max_us: float
    programming_sigma: Curve
    programmed_age_s: float
    drift_mean: Curve
    drift_sigma: Curve
    read_q: Curve
    read_time_s: float
    exact: bool = False

    def programmed(self, g: NDArray[np.float64]) -> Programmed:
        """Return the target and its σ: the published noise was measured after loops, which meet it on average."""
        return Programmed(g, self.programming_sigma(g), self.programmed_age_s)

    def retention(self, g: NDArray[np.float64], time_s: float, age_s: float, window_s: float) -> Retention:
        """Return G(t) = G·((t + t_c) / t_c)^-ν and the 1/f fluctuations slower than the window."""
        slow = g * self.read_q(g) * np.sqrt(np.log1p(time_s / window_s))
        log_time = float(np.log1p(time_s / age_s))
        return Retention(self.drift_mean(g), self.drift_sigma(g), log_time, np.zeros_like(g), slow)

    def read_sigma(self, g: NDArray[np.float64], window_s: float) -> NDArray[np.float64]:
        """Return σ = G·Q·sqrt(ln((T2 + T1) / T1)) with T1 = 2·read_time, the law of the publication."""
        return read_noise_sigma(self, g, 2 * self.read_time_s, window_s)


def _polynomial(coefficients_us: tuple[float, ...], g_max_us: float) -> Curve:
    series = np.polynomial.Polynomial(coefficients_us)
    return lambda g: np.maximum(series(np.minimum(g, 1.0)), 0.0) / g_max_us


def _log_clipped(slope: float, intercept: float, low: float, high: float) -> Curve:
    return lambda g: np.clip(slope * np.log(np.maximum(g, _TINY)) + intercept, low, high)


def _split(limit: float, below: Curve, above: tuple[float, ...]) -> Curve:
    series = np.polynomial.Polynomial(above)
    # the fits end at G_max; devices above it are taken as at G_max
    return lambda g: np.where(g < limit, below(g), series(np.minimum(g, 1.0)))


def _zero(g: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.zeros_like(g)


_HERMES_DRIFT_MEAN = _split(0.0945, _log_clipped(-0.0387, -0.0182, 0.072, 0.13), (0.0736, -0.0126, -0.0436))

IDEAL = PcmLaw(25.0, _zero, 20.0, _zero, _zero, _zero, 250e-9, exact=True)
PCM_LIKE = PcmLaw(
    25.0,
    _polynomial((0.26348, 1.9650, -1.1731), 25.0),
    20.0,
    _log_clipped(-0.0155, 0.0244, 0.049, 0.1),
    _log_clipped(-0.0125, -0.0059, 0.008, 0.045),
    lambda g: np.minimum(0.0088 / np.maximum(g**0.65, 1e-3), 0.2),
    250e-9,
)
HERMES_1 = PcmLaw(
    10.35,
    _polynomial((0.15781817, 2.32443916, -2.16310839, 0.68841818), 10.35),
    200.0,
    _HERMES_DRIFT_MEAN,
    _split(0.3039, _log_clipped(-0.0120, -0.0023, 0.0124, 0.04), (0.0104, 0.0116, -0.0165)),
    _split(0.1591, _log_clipped(-0.0078, 0.0038, 0.0179, 0.04), (0.0088, 0.0768, -0.1352, 0.0664)),
    512e-9,
)
HERMES_2 = PcmLaw(
    20.7,
    _polynomial((0.16603222, 4.71806468, -8.48101252, 4.68961419), 20.7),
    300.0,
    _HERMES_DRIFT_MEAN,
    _split(0.3055, _log_clipped(-0.0117, -0.0057, 0.0091, 0.04), (0.0073, 0.0093, -0.0118)),
    _split(0.16, _log_clipped(-0.0117, -0.0069, 0.015, 0.04), (0.0123, 0.0211, -0.0280, 0.0069)),
    512e-9,
)


def read_noise_sigma(law: PcmLaw, g: NDArray[np.float64], shortest_s: float, longest_s: float) -> NDArray[np.float64]:
    """Return σ of the 1/f noise (units of G_max) of conductances g between two time scales.

    σ = g·Q(g)·sqrt(ln((T2 + T1) / T1)); with T1 = 2·read_time this is the law of the publication.
    """
    sigma: NDArray[np.float64] = g * law.read_q(g) * np.sqrt(np.log((longest_s + shortest_s) / shortest_s))
    return sigma
