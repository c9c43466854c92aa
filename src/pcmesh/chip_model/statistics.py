"""How noisy a programmed chip is, in the terms of hardware-aware training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pcmesh.mapping import Encoding
from pcmesh.model.samples import row_keys
from pcmesh.physics.normal import key_tensor
from pcmesh.random import stream_key
from pcmesh.training import NoiseConfig

if TYPE_CHECKING:
    from pcmesh.chip_model.model import ChipModel

_FRAMES = 256


def measured_noise(model: ChipModel) -> NoiseConfig:
    """Return weight and output noise of a chip model, the root mean squares over its layers.

    Weight noise is what the tiles hold at their age beside what they should hold, as a share of the largest weight
    (pairs that hold the same weight are averaged); output noise is what reading twice differs by, as a share of the
    largest output.
    """
    weights = [_weight_error(model, layer.name) for layer in model.deployment.layout.graph.layers]
    outputs = [_read_error(model, product.name) for product in model.deployment.products]
    return NoiseConfig(
        weight_sigma=_root_mean_square(weights), output_sigma=_root_mean_square(outputs), input_levels=255
    )


def _root_mean_square(values: list[float]) -> float:
    return float(torch.tensor(values).square().mean().sqrt())


def _weight_error(model: ChipModel, layer: str) -> float:
    network = model.side.chip.network
    targets = network.targets[layer]
    errors: list[Tensor] = []
    for tile in network.mapping.tiles:
        if tile.wp1.layer != layer:
            continue
        held = network.weights(tile.index)
        parts = []
        for pair, block in enumerate((tile.wp1, tile.wp2)):
            if block is None:
                continue
            wanted = targets.weight[block.row_start : block.row_stop, block.column_start : block.column_stop]
            got = held[pair, : block.rows, : block.columns]
            parts.append(got * block.sign - wanted / targets.max_weight)
        both = tile.encoding is not Encoding.PCM2
        errors += [(torch.stack(parts).mean(0) if both else part).flatten() for part in (parts[:1] if both else parts)]
    return float(torch.cat(errors).std())


def _read_error(model: ChipModel, product: str) -> float:
    frames = model.deployment.frames.inputs[product][:_FRAMES]
    instance = model.deployment.instance
    sample = key_tensor(stream_key(instance.seed, "read", instance.number, "statistics"))
    once = model.side.product(product, frames, row_keys(sample, sample, (len(frames),), None, 0))
    twice = model.side.product(product, frames, row_keys(sample, sample, (len(frames),), None, 1))
    largest = float(once.abs().max().clamp(min=1e-30))
    return float((once - twice).std()) / 2**0.5 / largest
