"""Closed-loop programming of 42.9 M weights (five linears in 2-PCM): goal 7 s on two cores and 1.5 GB peak."""

from __future__ import annotations

import resource
import time

import torch

from pcmesh.hardware import load_chip
from pcmesh.mapping.encodings import PCM2
from pcmesh.programming.closed_loop import DevicePlace, write_tile
from pcmesh.random import numpy_generator

SHAPES = ((1264, 4096), (2048, 4096), (3072, 4096), (2048, 4096), (2048, 4096))
TILE = 512


def main() -> None:
    chip = load_chip()
    generator = numpy_generator(0, "data", "bench")
    weights = sum(rows * columns for rows, columns in SHAPES)
    tiles = -(-weights // (2 * TILE * TILE))
    write_tile(torch.zeros(2, TILE, TILE), PCM2, DevicePlace(0), 0, chip)
    start, written, pulses = time.perf_counter(), [], 0
    for tile in range(tiles):
        drawn = torch.from_numpy(generator.standard_normal((2, TILE, TILE), dtype="float32")) * 0.2
        done = write_tile(drawn.clamp_(-1, 1), PCM2, DevicePlace(tile), 1000 + tile, chip)
        written.append(done.g)
        pulses += done.pulses
    seconds = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    devices = sum(g.numel() for g in written)
    print(f"{weights / 1e6:.1f} M weights, {devices / 1e6:.1f} M devices on {tiles} tiles: {seconds:.1f} s, ", end="")
    print(f"{pulses / devices:.2f} pulses a device, peak {peak_mb:.0f} MB (Python and torch included)")


if __name__ == "__main__":
    main()
