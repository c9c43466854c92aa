"""Time of a hardware-aware training step as a multiple of the plain one (goal: <= 3, then <= 2)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from pcmesh.random import torch_generator
from pcmesh.training import HardwareAware, NoiseConfig

IN_FEATURES, OUT_FEATURES, BATCH = 1024, 4096, 64
KINDS = {
    "the paper's noise": NoiseConfig(),
    "noise as measured on chips": NoiseConfig(
        weight_sigma=0.015, weight_relative=0.1, columns=True, output_sigma=0.01, input_levels=255
    ),
}


def training_step(model: nn.Module, x: torch.Tensor, target: torch.Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-6)

    def step() -> None:
        optimiser.zero_grad()
        nn.functional.mse_loss(model(x), target).backward()
        optimiser.step()
        if isinstance(model, HardwareAware):
            model.clip_weights()

    return step


def median_ratio(noise: NoiseConfig, rounds: int = 15) -> tuple[float, float, float]:
    """Return the median seconds of a plain and of a hardware-aware step, interleaved, and the median ratio."""
    generator = torch_generator(0, "training")
    x = torch.randn(BATCH, IN_FEATURES, generator=generator)
    target = torch.randn(BATCH, OUT_FEATURES, generator=generator)
    plain = training_step(nn.Linear(IN_FEATURES, OUT_FEATURES, bias=False), x, target)
    aware = training_step(HardwareAware(nn.Linear(IN_FEATURES, OUT_FEATURES, bias=False), noise, generator), x, target)
    times: list[tuple[float, float]] = []
    for _ in range(rounds + 3):
        start = time.perf_counter()
        plain()
        middle = time.perf_counter()
        aware()
        times.append((middle - start, time.perf_counter() - middle))
    times = times[3:]
    return (
        statistics.median(p for p, _ in times),
        statistics.median(a for _, a in times),
        statistics.median(a / p for p, a in times),
    )


def main() -> None:
    """Print one line for each kind of noise and thread count."""
    for threads in sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        for name, noise in KINDS.items():
            plain_s, aware_s, ratio = median_ratio(noise)
            print(
                f"training step, Linear {IN_FEATURES}x{OUT_FEATURES}, batch {BATCH}, forward + backward + Adam, "
                f"{threads} thread(s), {name}: plain {plain_s * 1e3:.1f} ms, hardware-aware {aware_s * 1e3:.1f} ms, "
                f"ratio {ratio:.2f}"
            )


if __name__ == "__main__":
    main()
