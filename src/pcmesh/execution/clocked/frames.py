"""Random frames for verification: pulses of all lengths on every vector that comes from off-chip."""

from __future__ import annotations

import torch

from pcmesh.hardware import ChipSpec
from pcmesh.network import LayerGraph
from pcmesh.physics.pulse import input_ticks
from pcmesh.random import torch_generator


def random_frames(graph: LayerGraph, chip: ChipSpec, count: int, seed: int) -> dict[str, torch.Tensor]:
    """Return vector name -> (count, size) int32 signed ticks.

    Each frame is normal with its own spread, so that small and large products, and clipped ones, occur; a tenth of
    the entries is 0.
    """
    found = {}
    for layer in graph.layers:
        if graph.producer(layer.input) is not None or layer.input in found:
            continue
        vector = graph.vector(layer.input)
        generator = torch_generator(seed, "data", "verify", vector.name)
        spread = 0.05 + torch.rand((count, 1), generator=generator, dtype=torch.float32)
        values = torch.randn((count, vector.size), generator=generator, dtype=torch.float32) * spread
        values *= torch.rand(values.shape, generator=generator, dtype=torch.float32) > 0.1
        found[vector.name] = input_ticks(values if vector.signed else values.abs(), 1.0, chip.timing)
    return found
