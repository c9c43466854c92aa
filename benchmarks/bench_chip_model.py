"""Seconds to compile a network and to run it on the simulated chip, and the ratio to plain PyTorch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

import pcmesh


def networks() -> dict[str, tuple[nn.Module, torch.Tensor]]:
    """Return the networks and their inputs, by name and size."""
    layers = nn.Sequential(nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1024))
    convolutions = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1))
    return {
        "MLP 1024-1024-1024, batch 256": (layers, torch.randn(256, 1024)),
        "two 3x3 convolutions 3-32-64, 32x32, batch 8": (convolutions, torch.randn(8, 3, 32, 32)),
        "LSTM 256-256, 50 steps, batch 32": (nn.LSTM(256, 256, batch_first=True), torch.randn(32, 50, 256)),
        "Transformer layer 256, 64 tokens, batch 4": (
            nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True),
            torch.randn(4, 64, 256),
        ),
    }


def seconds(*calls: Callable[[], object], rounds: int = 11) -> list[float]:
    """Return the median time of each call; they take turns, so that a busy machine slows all of them."""
    times: list[list[float]] = [[] for _ in calls]
    for number in range(rounds + 1):
        for call, found in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            if number:  # the first round loads what is needed
                found.append(time.perf_counter() - start)
    return [statistics.median(found) for found in times]


def main() -> None:
    """Print one line for each network."""
    pcmesh.compile(nn.Linear(8, 8), torch.randn(256, 8))  # compiled kernels are loaded once
    for name, (network, x) in networks().items():
        network.eval()
        start = time.perf_counter()
        chip_model = pcmesh.compile(network, x)
        compiled = time.perf_counter() - start
        with torch.no_grad():
            plain, chip = seconds(lambda network=network, x=x: network(x), lambda model=chip_model, x=x: model(x))
        tiles = len(chip_model.program.mapping.tiles)
        print(
            f"{name}: {tiles} tiles, compile {compiled:.2f} s, run {chip * 1e3:.1f} ms, "
            f"PyTorch {plain * 1e3:.2f} ms, ratio {chip / plain:.1f}"
        )


if __name__ == "__main__":
    main()
