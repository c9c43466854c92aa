"""The laws against the published formulas, written out once more from the specification."""

import math

import numpy as np
import pytest

from pcmesh.physics.pcm import LAWS, read_noise_sigma


def _joshi(g: float) -> dict[str, float]:
    return {
        "sigma": max(0.26348 + 1.9650 * g - 1.1731 * g * g, 0) / 25,
        "mean": min(max(-0.0155 * math.log(g) + 0.0244, 0.049), 0.1),
        "spread": min(max(-0.0125 * math.log(g) - 0.0059, 0.008), 0.045),
        "q": min(0.0088 / max(g**0.65, 1e-3), 0.2),
    }


@pytest.mark.parametrize("g", [0.001, 0.05, 0.3, 0.7, 1.0])
def test_pcm_like_is_joshi_2020(g):
    law, want = LAWS["pcm_like"], _joshi(g)
    x = np.array([g])
    assert law.programming_sigma(x)[0] == pytest.approx(want["sigma"])
    assert law.drift_mean(x)[0] == pytest.approx(want["mean"])
    assert law.drift_sigma(x)[0] == pytest.approx(want["spread"])
    assert law.read_q(x)[0] == pytest.approx(want["q"])


def test_read_noise_of_a_week_is_the_published_figure():
    """σ = G·Q·sqrt(ln((t + t_r) / (2·t_r))) with t_r = 250 ns: about 4.7 % of G at g = 1 after a week."""
    law = LAWS["pcm_like"]
    sigma = read_noise_sigma(law, np.array([1.0]), 2 * law.read_time_s, 6.05e5)
    assert sigma[0] == pytest.approx(0.0088 * math.sqrt(math.log((6.05e5 + 250e-9) / 500e-9)), rel=1e-6)
    assert sigma[0] == pytest.approx(0.047, abs=0.001)


@pytest.mark.parametrize(
    ("name", "g", "sigma_us", "mean", "q"),
    [
        (
            "hermes_1",
            0.5,
            0.15781817 + 2.32443916 / 2 - 2.16310839 / 4 + 0.68841818 / 8,
            0.0736 - 0.0063 - 0.0109,
            0.0664 / 8 - 0.1352 / 4 + 0.0768 / 2 + 0.0088,
        ),
        (
            "hermes_2",
            0.5,
            0.16603222 + 4.71806468 / 2 - 8.48101252 / 4 + 4.68961419 / 8,
            0.0736 - 0.0063 - 0.0109,
            0.0069 / 8 - 0.0280 / 4 + 0.0211 / 2 + 0.0123,
        ),
    ],
)
def test_hermes(name, g, sigma_us, mean, q):
    law, x = LAWS[name], np.array([g])
    assert law.programming_sigma(x)[0] * {"hermes_1": 10.35, "hermes_2": 20.7}[name] == pytest.approx(sigma_us)
    assert law.drift_mean(x)[0] == pytest.approx(mean)
    assert law.read_q(x)[0] == pytest.approx(q)


@pytest.mark.parametrize("name", LAWS)
def test_laws_are_finite_and_not_negative(name):
    law, g = LAWS[name], np.linspace(0, 1.3, 500)
    for curve in (law.programming_sigma, law.drift_mean, law.drift_sigma, law.read_q):
        values = curve(g)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
