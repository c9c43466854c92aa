"""The laws against the published formulas, written out once more from the publications' constants."""

import dataclasses
import math

import numpy as np
import pytest

from pcmesh.devices.pcm import PcmLaw, read_noise_sigma
from pcmesh.hardware import DEVICE_LAWS

LAWS: dict[str, PcmLaw] = {name: DEVICE_LAWS.load(name) for name in DEVICE_LAWS.shipped}

CURVES = ("programming_sigma", "drift_mean", "drift_sigma", "read_q")
# Just beside and on the borders where a published formula changes, g = 0, and above G_max.
POINTS = (0.0, 0.001, 0.02, 0.05, 0.0944, 0.0945, 0.12, 0.159, 0.1591, 0.16, 0.2, 0.3, 0.3039, 0.305, 0.3055, 0.31)
POINTS += (0.4, 0.5, 0.7, 0.85, 1.0)


def clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def log(g: float) -> float:
    return math.log(g) if g > 0 else -20.0


def joshi(g: float) -> dict[str, float]:
    """Joshi et al. 2020, Nandakumar et al. 2019: G_max 25 uS."""
    return {
        "programming_sigma": max(0.26348 + 1.9650 * g - 1.1731 * g**2, 0) / 25,
        "drift_mean": clip(-0.0155 * log(g) + 0.0244, 0.049, 0.1),
        "drift_sigma": clip(-0.0125 * log(g) - 0.0059, 0.008, 0.045),
        "read_q": min(0.0088 / max(g**0.65, 1e-3), 0.2),
    }


def hermes_mean(g: float) -> float:
    if g < 0.0945:
        return clip(-0.0387 * log(g) - 0.0182, 0.072, 0.13)
    return -0.0436 * g**2 - 0.0126 * g + 0.0736


def hermes_one(g: float) -> dict[str, float]:
    """Le Gallo et al. 2023, one device a conductance: G_max 10.35 uS."""
    spread = -0.0165 * g**2 + 0.0116 * g + 0.0104
    noise = 0.0664 * g**3 - 0.1352 * g**2 + 0.0768 * g + 0.0088
    return {
        "programming_sigma": (0.15781817 + 2.32443916 * g - 2.16310839 * g**2 + 0.68841818 * g**3) / 10.35,
        "drift_mean": hermes_mean(g),
        "drift_sigma": clip(-0.0120 * log(g) - 0.0023, 0.0124, 0.04) if g < 0.3039 else spread,
        "read_q": clip(-0.0078 * log(g) + 0.0038, 0.0179, 0.04) if g < 0.1591 else noise,
    }


def hermes_two(g: float) -> dict[str, float]:
    """Le Gallo et al. 2023, two devices a conductance: G_max 20.7 uS."""
    spread = -0.0118 * g**2 + 0.0093 * g + 0.0073
    noise = 0.0069 * g**3 - 0.0280 * g**2 + 0.0211 * g + 0.0123
    return {
        "programming_sigma": (0.16603222 + 4.71806468 * g - 8.48101252 * g**2 + 4.68961419 * g**3) / 20.7,
        "drift_mean": hermes_mean(g),
        "drift_sigma": clip(-0.0117 * log(g) - 0.0057, 0.0091, 0.04) if g < 0.3055 else spread,
        "read_q": clip(-0.0117 * log(g) - 0.0069, 0.015, 0.04) if g < 0.16 else noise,
    }


PUBLISHED = {"pcm_like": joshi, "hermes_1": hermes_one, "hermes_2": hermes_two}
READ_TIME_S = {"ideal": 250e-9, "pcm_like": 250e-9, "hermes_1": 512e-9, "hermes_2": 512e-9}


def test_every_law_has_a_published_one_but_the_ideal_chip() -> None:
    assert set(LAWS) == {*PUBLISHED, "ideal"}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("g", POINTS)
def test_laws_are_the_published_ones(name: str, g: float) -> None:
    law, want = LAWS[name], PUBLISHED[name](g)
    for curve in CURVES:
        assert getattr(law, curve)(np.array([g]))[0] == pytest.approx(want[curve], rel=1e-9), curve


@pytest.mark.parametrize("name", PUBLISHED)
def test_fits_end_at_g_max(name: str) -> None:
    """The fitted polynomials are not continued above G_max; the logarithms are."""
    law, above, at = LAWS[name], np.array([1.2]), np.array([1.0])
    for curve in ("programming_sigma",) if name == "pcm_like" else CURVES:
        assert getattr(law, curve)(above)[0] == getattr(law, curve)(at)[0]
    for curve in () if name != "pcm_like" else CURVES[1:]:
        assert getattr(law, curve)(above)[0] == pytest.approx(joshi(1.2)[curve])


@pytest.mark.parametrize("name", LAWS)
def test_laws_are_finite_and_not_negative(name: str) -> None:
    law, g = LAWS[name], np.linspace(0, 1.3, 500)
    with np.errstate(all="raise"):
        for curve in CURVES:
            values = getattr(law, curve)(g)
            assert values.shape == g.shape
            assert np.isfinite(values).all()
            assert (values >= 0).all()


def test_ideal_devices_have_neither_noise_nor_drift() -> None:
    law, g = LAWS["ideal"], np.linspace(0, 1.3, 50)
    for curve in CURVES:
        assert (getattr(law, curve)(g) == 0).all()


@pytest.mark.parametrize("name", LAWS)
def test_read_times_are_the_published_ones(name: str) -> None:
    assert LAWS[name].read_time_s == READ_TIME_S[name]


def test_read_noise_of_a_week_is_the_published_figure() -> None:
    """σ = G·Q·sqrt(ln((t + t_r) / (2·t_r))) with t_r = 250 ns: about 4.7 % of G at g = 1 after a week."""
    law = LAWS["pcm_like"]
    sigma = read_noise_sigma(law, np.array([1.0]), 2 * law.read_time_s, 6.05e5)
    assert sigma[0] == pytest.approx(0.0088 * math.sqrt(math.log((6.05e5 + 250e-9) / 500e-9)), rel=1e-6)
    assert sigma[0] == pytest.approx(0.047, abs=0.001)


def test_read_noise_between_two_time_scales() -> None:
    law = LAWS["hermes_1"]
    sigma = read_noise_sigma(law, np.array([0.0, 0.25, 0.5]), 2.0, 5.0)
    for got, g in zip(sigma, (0.0, 0.25, 0.5), strict=True):
        assert got == pytest.approx(g * hermes_one(g)["read_q"] * math.sqrt(math.log(3.5)))


def test_a_law_is_not_changed_by_mistake() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LAWS["pcm_like"].read_time_s = 1.0  # type: ignore[misc]
    assert isinstance(LAWS["pcm_like"], PcmLaw)
