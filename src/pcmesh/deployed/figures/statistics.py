"""How noisy a programmed chip is, in the terms of hardware-aware training."""

from __future__ import annotations

import torch
from torch import Tensor

from pcmesh.deployed.program import Program
from pcmesh.deployed.side import ChipSide
from pcmesh.network.samples import row_keys
from pcmesh.physics.normal import key_tensor
from pcmesh.random import stream_key
from pcmesh.training import NoiseConfig

_FRAMES = 256


def measured_noise(program: Program, side: ChipSide) -> NoiseConfig:
    """Return weight and output noise of a chip model: all its weights together, and the mean square over its outputs.

    Weight noise is what the tiles hold at their age beside what they should hold, as a share of the largest weight
    (pairs that hold the same weight are averaged): a line in the weight's magnitude through the magnitudes of the
    errors, as steep as they are, scaled to their power. Output noise is what reading twice differs by, as a share of
    the largest output.
    """
    parts = [_weight_errors(side, layer.name) for layer in side.layout.graph.layers]
    constant, growth = _line(*(torch.cat(column) for column in zip(*parts, strict=True)))
    outputs = [_read_error(program, side, product.name) for product in program.products]
    return NoiseConfig(
        weight_sigma=constant,
        weight_relative=growth,
        columns=program.choice.scale_columns,
        output_sigma=_root_mean_square(outputs),
        input_levels=255,
    )


def _line(wanted: Tensor, error: Tensor) -> tuple[float, float]:
    """Return a, b of the standard deviation a + b|wanted| of errors that have their power."""
    x, y = wanted.abs().double(), error.abs().double()
    spread = x - x.mean()
    growth = ((spread * y).sum() / spread.square().sum().clamp(min=1e-30)).clamp(min=0)
    constant = (y.mean() - growth * x.mean()).clamp(min=0)
    power = (constant + growth * x).square().mean().clamp(min=1e-30)
    scale = (y.square().mean() / power).sqrt()
    return float(constant * scale), float(growth * scale)


def _root_mean_square(values: list[float]) -> float:
    return float(torch.tensor(values, dtype=torch.float32).square().mean().sqrt())


def _weight_errors(side: ChipSide, layer: str) -> tuple[Tensor, Tensor]:
    """Return a layer's weights as they should be, and the errors of those that are there, in units of the largest."""
    network = side.chip.network
    targets = network.targets[layer]
    right: list[Tensor] = []
    errors: list[Tensor] = []
    for tile in network.mapping.tiles:
        if tile.wp1.layer != layer:
            continue
        held, record = network.weights(tile.index), tile.encoding.record
        wants, parts = [], []
        for pair, block in enumerate((tile.wp1, tile.wp2)):
            if block is None:
                continue
            wanted = targets.weight[block.row_start : block.row_stop, block.column_start : block.column_stop]
            wants.append(wanted / targets.max_weight)
            weight = held[pair, : block.rows, : block.columns] * (block.sign / record.amplitude)
            parts.append(weight - wants[-1])
        if not record.stacked:
            wants, parts = wants[:1], [torch.stack(parts).mean(0)]
        right += [want.flatten() for want in wants]
        errors += [part.flatten() for part in parts]
    return torch.cat(right), torch.cat(errors)


def _read_error(program: Program, side: ChipSide, product: str) -> float:
    frames = program.frames.inputs[product][:_FRAMES]
    instance = side.chip.network.instance
    sample = key_tensor(stream_key(instance.seed, "read", instance.number, "statistics"))
    once = side.product(product, frames, row_keys(sample, sample, (len(frames),), None, 0))
    twice = side.product(product, frames, row_keys(sample, sample, (len(frames),), None, 1))
    largest = float(once.abs().max().clamp(min=1e-30))
    return float((once - twice).std()) / 2**0.5 / largest
