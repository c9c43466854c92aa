"""What every device law must hold, also one of another package: subclass `DeviceLawContract` and give `chip`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pcmesh
from pcmesh.devices import DeviceLaw, law_of
from pcmesh.hardware import ChipSpec, PcmSpec
from pcmesh.mapping.encodings import PCM2
from pcmesh.physics.cell import read_variance_table
from pcmesh.physics.units import MAX_STEPS, STEPS_PER_G_MAX, steps_per_g_max
from pcmesh.programming.closed_loop import DevicePlace, write_tile
from pcmesh.programming.drift import age, expected_share

LEVELS = np.linspace(0, MAX_STEPS / STEPS_PER_G_MAX, 700)
DAY, WEEK = 86_400.0, 7 * 86_400.0
EXACT_LOOP = {"verify_noise": 0.0, "pulse_noise_scale": 0.0, "correction_gain": 1.0, "window": 1e-4}
FALSE_ALARM = 5.0
"""σ from the mean at which a test fails: once in two million runs."""


class DeviceLawContract:
    """Tests of one law, alone and on a chip."""

    def chip(self) -> ChipSpec:
        """Return a chip with these devices."""
        raise NotImplementedError

    @pytest.fixture
    def spec(self) -> ChipSpec:
        return self.chip()

    @pytest.fixture
    def law(self, spec: ChipSpec) -> DeviceLaw:
        return law_of(spec.pcm)

    def test_it_is_a_law(self, law: DeviceLaw, spec: ChipSpec) -> None:
        assert isinstance(law, DeviceLaw)
        assert 0 < law.g_max_us < 1e4
        assert law is law_of(spec.pcm)

    @pytest.mark.parametrize("shape", [(700,), (7, 100), (1,), (0,)])
    def test_every_conductance_has_one_finite_answer(self, law: DeviceLaw, shape: tuple[int, ...]) -> None:
        g = LEVELS[: int(np.prod(shape))].reshape(shape)
        written, left = law.programmed(g), law.retention(g, WEEK, DAY, 1.0)
        spreads = written.sigma, left.exponent_sigma, left.sigma, law.read_sigma(g, 1.0)
        for values in (written.mean, left.exponent, left.shift, *spreads):
            assert values.shape == shape
            assert np.isfinite(values).all()
        assert all((values >= 0).all() for values in spreads)

    def test_it_gives_the_same_twice_and_changes_nothing(self, law: DeviceLaw) -> None:
        """A law has no randomness of its own: the chip draws, by device."""
        g = LEVELS.copy()
        first, second = ((law.programmed(g), law.retention(g, WEEK, DAY, 1.0), law.read_sigma(g, 1.0)) for _ in "ab")
        np.testing.assert_equal([vars(each) for each in first[:2]], [vars(each) for each in second[:2]])
        np.testing.assert_equal(first[2], second[2])
        np.testing.assert_equal(g, LEVELS)

    def test_no_time_does_nothing(self, law: DeviceLaw) -> None:
        left = law.retention(LEVELS, 0.0, DAY, 1.0)
        assert abs(left.log_time * left.exponent).max() == 0
        assert abs(left.log_time * left.exponent_sigma).max() == 0
        assert abs(left.shift).max() == left.sigma.max() == 0

    def test_more_time_does_not_less_and_old_devices_change_less(self, law: DeviceLaw) -> None:
        def change(time_s: float, age_s: float) -> np.ndarray:
            left = law.retention(LEVELS, time_s, age_s, 1.0)
            moved = np.abs(LEVELS * np.expm1(-left.log_time * left.exponent) + left.shift)
            return moved + left.sigma + left.log_time * left.exponent_sigma

        assert (change(WEEK, DAY) >= change(DAY, DAY)).all()
        assert (change(WEEK, 100 * DAY) <= change(WEEK, DAY)).all()

    def test_a_longer_window_is_not_quieter(self, law: DeviceLaw) -> None:
        assert (law.read_sigma(LEVELS, 10.0) >= law.read_sigma(LEVELS, 0.1)).all()

    def test_an_exact_law_is_exact(self, law: DeviceLaw, spec: ChipSpec) -> None:
        if not law.exact:
            assert steps_per_g_max(spec.pcm) == STEPS_PER_G_MAX
            return
        assert steps_per_g_max(spec.pcm) > STEPS_PER_G_MAX
        written = law.programmed(LEVELS)
        np.testing.assert_equal(written.mean, LEVELS)
        assert written.sigma.max() == law.read_sigma(LEVELS, 1.0).max() == 0

    @pytest.mark.parametrize("own_loop", [{}, EXACT_LOOP])
    @pytest.mark.parametrize("target", [0.1, 0.5, 0.9])
    def test_the_loop_leaves_what_the_law_says(
        self, law: DeviceLaw, spec: ChipSpec, target: float, own_loop: dict[str, float]
    ) -> None:
        """Mean and spread of 65,536 major devices, whether the loop itself adds something or nothing: counted once."""
        if law.exact and not own_loop:
            pytest.skip("exact devices have the loop's errors")
        devices = {"g_ceiling_mean": 1.2, "g_ceiling_spread": 0.0, **dict.fromkeys(STUCK, 0.0)}
        values = spec.model_dump()
        values["programming"] |= own_loop | {"relaxation_scale": 1.0}
        values["pcm"] |= devices
        chip = ChipSpec.model_validate(values)
        g = write_tile(torch.full((2, 256, 128), target), PCM2, DevicePlace(1), 2, chip).g
        major = g[:, 0].double().numpy().ravel() / steps_per_g_max(chip.pcm)
        wanted = law.programmed(np.array([target]))
        drawn = np.random.default_rng(0).normal(wanted.mean[0], wanted.sigma[0], 1_000_000).clip(0, 1.2)
        room = FALSE_ALARM * drawn.std() * (1 / major.size + 1e-6) ** 0.5
        bias = 1e-4 if own_loop else 0.005  # the loop comes from below and stops at its window's edge
        assert major.mean() == pytest.approx(drawn.mean(), abs=room + bias)
        assert major.std() == pytest.approx(drawn.std(), rel=0.05, abs=1e-4)

    @pytest.mark.parametrize("start", [0.1, 0.5, 0.9])
    def test_time_does_what_the_law_says(self, law: DeviceLaw, spec: ChipSpec, start: float) -> None:
        """Mean and spread of 100,000 devices after a week."""
        pcm = spec.pcm
        g = torch.full((400, 250), round(start * STEPS_PER_G_MAX), dtype=torch.int16)
        aged = age(g, pcm.calibration_age_s + WEEK, 3, pcm).double().numpy() / STEPS_PER_G_MAX
        drawn = _after(law, start, WEEK, pcm)
        room = FALSE_ALARM * drawn.std() * (1e-5 + 1e-6) ** 0.5
        assert aged.mean() == pytest.approx(drawn.mean(), abs=room + 1e-4)
        assert aged.std() == pytest.approx(drawn.std(), rel=0.03, abs=1e-4)
        young = _after(law, start, 0.0, pcm)
        share = expected_share(torch.full((4,), start), WEEK, pcm)
        assert share == pytest.approx(drawn.mean() / young.mean(), rel=0.03)

    def test_a_device_is_the_same_one_at_every_time(self, spec: ChipSpec, law: DeviceLaw) -> None:
        g = torch.full((64, 64), STEPS_PER_G_MAX // 2, dtype=torch.int16)
        day, month = (age(g, time_s, 3, spec.pcm).double().flatten() for time_s in (DAY, 30 * DAY))
        if law.exact:
            assert torch.equal(day, month)
        else:
            assert day.std() == 0 or float(torch.corrcoef(torch.stack([day, month]))[0, 1]) > 0.9

    def test_reads_are_as_noisy_as_the_law_says(self, law: DeviceLaw, spec: ChipSpec) -> None:
        table = read_variance_table(spec.pcm)
        wanted = law.read_sigma(np.arange(MAX_STEPS + 1) / STEPS_PER_G_MAX, spec.pcm.read_noise_window_s)
        np.testing.assert_allclose(table.numpy(), wanted**2, rtol=1e-5, atol=1e-12)

    def test_a_network_runs_on_it(self, spec: ChipSpec) -> None:
        """The products are PyTorch's but for what the rest of the chip and these devices do to them."""
        generator = torch.Generator().manual_seed(0)
        network = torch.nn.Linear(64, 16)
        with torch.no_grad():
            network.weight.normal_(generator=generator)
        x = torch.randn(200, 64, generator=generator)
        right = network(x).detach()
        on_chip = pcmesh.compile(network, x, chip=spec)
        for time_s, limit in ((0.0, 0.25), (WEEK, 0.4)):
            error = (on_chip.at(time_s)(x).detach() - right).norm() / right.norm()
            assert float(error) < limit


STUCK = ("stuck_low_probability", "stuck_high_probability")


def _after(law: DeviceLaw, start: float, time_s: float, pcm: PcmSpec) -> np.ndarray:
    """Return 1,000,000 devices some time after calibration, by the law's formula in float64."""
    rng = np.random.default_rng(1)
    first_s = law.programmed(np.array([start])).age_s
    since_s = pcm.calibration_age_s + time_s - first_s
    left = law.retention(np.array([start]), since_s, first_s, pcm.read_noise_window_s)
    exponent = np.abs(rng.normal(left.exponent[0], left.exponent_sigma[0], 1_000_000)) * pcm.drift_scale
    moved = start + rng.normal(0, left.sigma[0], 1_000_000)
    aged = moved * np.exp(-exponent * left.log_time) + left.shift[0]
    result: np.ndarray = aged.clip(0, MAX_STEPS / STEPS_PER_G_MAX)
    return result
