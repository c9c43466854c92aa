import pytest
import torch

from pcmesh.hardware import DEVICE_LAWS
from pcmesh.mapping.encodings import PCM2, PCM4
from pcmesh.programming.closed_loop import DevicePlace, write_tile
from pcmesh.programming.drift import age
from tests.machines import small_chip

CHIP = small_chip(rows=120, columns=64)


def targets(seed=0, rows=128, columns=64, sigma=0.25) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(2, rows, columns, generator=generator) * sigma).clamp(-1, 1)


def held(g: torch.Tensor) -> torch.Tensor:
    return (g[:, 0].float() - g[:, 1].float()) / 9600


def test_ideal_devices_hold_the_target_to_half_a_step():
    chip = small_chip(preset="ideal")
    wanted = targets()
    assert (
        float((held(write_tile(wanted, PCM2, DevicePlace(1), 2, chip).g) / 256 - wanted).abs().max())
        <= 0.5 / 9600 / 256 + 1e-7
    )


def test_error_and_yield_are_the_papers():
    """Mean error below 3 %; without saturation, which the mapping decides, few errors above 20 % of the largest."""
    chip = small_chip(rows=504, columns=512)
    wanted = targets(rows=512, columns=512)
    error = (held(write_tile(wanted, PCM2, DevicePlace(1), 2, chip).g) - wanted).abs()
    assert float(error.mean()) < 0.03
    assert 0.995 < float((error < 0.2).float().mean()) < 0.9999


def test_more_rounds_and_a_second_pair_help():
    wanted = targets()
    wanted[1] = wanted[0]
    few = small_chip(programming={"max_rounds": 2})
    alone = float((held(write_tile(wanted, PCM2, DevicePlace(1), 2, CHIP).g)[0] - wanted[0]).abs().mean())
    hasty = float((held(write_tile(wanted, PCM2, DevicePlace(1), 2, few).g)[0] - wanted[0]).abs().mean())
    together = float((held(write_tile(wanted, PCM4, DevicePlace(1), 2, CHIP).g).mean(0) - wanted[0]).abs().mean())
    assert together < 0.7 * alone < 0.7 * hasty


def test_stuck_devices_stay_stuck_and_a_high_minor_one_is_compensated():
    chip = small_chip(pcm={"stuck_low_probability": 0.0, "stuck_high_probability": 0.05, "g_ceiling_mean": 1.2})
    first, second = (write_tile(targets(seed), PCM2, DevicePlace(7), key, chip).g for seed, key in ((1, 2), (3, 4)))
    high = (first > 10_000) & (second > 10_000)
    affected = float(high.any(1).float().mean())  # one of the two is stuck; the other follows to compensate
    assert affected == pytest.approx(1 - 0.95**2, abs=5 * (0.0975 * 0.9025 / 16_384) ** 0.5)
    error = held(write_tile(torch.zeros(2, 128, 64), PCM2, DevicePlace(7), 9, chip).g).abs()
    assert float((error[high.any(1)] < 0.2).float().mean()) > 0.8


def test_targets_beyond_the_ceiling_saturate():
    chip = small_chip(pcm={"g_ceiling_mean": 1.0, "g_ceiling_spread": 0.0, "stuck_high_probability": 0.0})
    wanted = torch.full((2, 16, 16), 1.05)
    assert float(held(write_tile(wanted, PCM2, DevicePlace(1), 2, chip).g).max()) <= 1.0 + 1e-3


@pytest.mark.parametrize("start", [0, 3, 100])
def test_a_device_is_the_same_one_whichever_rows_are_written(start):
    wanted = targets()
    whole = write_tile(wanted, PCM2, DevicePlace(1), 2, CHIP).g
    assert torch.equal(
        write_tile(wanted[:, start:], PCM2, DevicePlace(1, first_row=start), 2, CHIP).g, whole[:, :, start:]
    )


def test_drift_follows_the_law():
    """Mean and spread of the exponent of 100,000 devices at half of g_max, from t_0 on; 5 σ."""
    chip = small_chip(pcm={"read_noise_window_s": 1e12})
    law, g = DEVICE_LAWS.load(chip.pcm.law), torch.full((400, 256), 4800, dtype=torch.int16)
    aged = age(g, 8 * law.programmed_age_s, 3, chip.pcm)
    exponent = -torch.log(aged.double() / 4800) / torch.log(torch.tensor(8.0)).double()
    import numpy as np

    x = np.array([0.5])
    mean, spread = float(law.drift_mean(x)[0]), float(law.drift_sigma(x)[0])
    assert float(exponent.mean()) == pytest.approx(mean, abs=5 * spread / 320 + 2e-4)
    assert float(exponent.std()) == pytest.approx(spread, rel=0.03)


def test_a_device_keeps_its_exponent():
    chip = small_chip(pcm={"read_noise_window_s": 1e12})
    g = torch.full((64, 64), 6000, dtype=torch.int16)
    day, month = (torch.log(age(g, t, 3, chip.pcm).double() / 6000).flatten() for t in (86_400.0, 30 * 86_400.0))
    assert float(torch.corrcoef(torch.stack([day, month]))[0, 1]) > 0.999


def test_no_time_no_change():
    g = torch.randint(0, 9600, (8, 8), dtype=torch.int16)
    assert torch.equal(age(g, DEVICE_LAWS.load(CHIP.pcm.law).programmed_age_s, 3, CHIP.pcm), g)
