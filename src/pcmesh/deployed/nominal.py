"""A chip model as an ordinary graph without noise, for torch.export and ONNX.

Each product becomes: inputs rounded to the pulses' steps, times the weights that the devices hold, one factor and one
term a column (fitted to the chip without noise), rounded to the codes' steps. What is left out is what is not linear
beside the rounding: compression and saturation of columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from pcmesh.calibration.fit import fit_columns
from pcmesh.deployed.ends import Ends
from pcmesh.deployed.program import Program
from pcmesh.deployed.side import ChipSide
from pcmesh.errors import UnsupportedModelError
from pcmesh.network.exported.capture import exporting
from pcmesh.network.products import Products
from pcmesh.programming.chip import ProgrammedNetwork


@dataclass(frozen=True)
class NominalProduct:
    """One product; `ends` and `full_scale` make inputs pulses, `step` (C,) is a code (None: not rounded)."""

    weight: Tensor
    offset: Tensor
    ends: Ends
    full_scale: float
    levels: int
    step: Tensor | None

    def sent(self, x: Tensor) -> Tensor:
        """Return inputs as the pulses carry them."""
        unit = self.full_scale / self.levels
        return torch.clamp(torch.round(self.ends.inputs(x) / unit), -self.levels, self.levels) * unit

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product of x (B, R) as (B, C)."""
        y = self.sent(x) @ self.weight + self.offset
        if self.step is None:
            return y
        return torch.clamp(torch.round(y / self.step), -self.levels // 2, self.levels // 2) * self.step


@dataclass(frozen=True)
class NominalProducts(Products):
    """All products of a chip model."""

    layers: Mapping[str, NominalProduct]

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return a product; there is no noise."""
        del keys
        return self.layers[layer](x)


def nominal_products(program: Program, side: ChipSide) -> NominalProducts:
    """Return the products of a chip model at its age, without noise.

    Raises:
        UnsupportedModelError: products hand their pulses over, whose columns no affine map describes.
    """
    handed = [chain for chain in program.captured.chains if side.hands_over(chain)]
    if handed:
        raise UnsupportedModelError(
            f"{handed[0].name}: pulses go from tile to tile, which a plain graph cannot say",
            "Compile without hand_over",
        )
    held = {layer.name: held_weights(side.chip.network, layer.name) for layer in side.layout.graph.layers}
    return NominalProducts({p.name: _product(program, side, p.name, held) for p in program.captured.products})


def held_weights(network: ProgrammedNetwork, layer: str) -> Tensor:
    """Return the weights (rows, columns) that the devices of a layer hold, in the units of its targets."""
    targets = network.targets[layer]
    found = torch.zeros_like(targets.weight)
    for tile in network.mapping.tiles:
        if tile.wp1.layer != layer:
            continue
        share = 1 / tile.encoding.record.signal
        for pair, block in enumerate((tile.wp1, tile.wp2)):
            if block is not None:
                part = network.weights(tile.index)[pair, : block.rows, : block.columns] * (block.sign * share)
                found[block.row_start : block.row_stop, block.column_start : block.column_stop] += part
    return found * targets.max_weight


def _product(program: Program, side: ChipSide, name: str, held: Mapping[str, Tensor]) -> NominalProduct:
    timing = program.chip.timing
    frames, pieces = program.frames.inputs[name], side.layout.pieces[name]
    weight = torch.zeros(max(p.row_stop for p in pieces), max(p.column_stop for p in pieces), dtype=torch.float32)
    for p in pieces:
        rows = slice(p.row, p.row + p.row_stop - p.row_start)
        columns = slice(p.column, p.column + p.column_stop - p.column_start)
        part = held[p.layer][rows, columns] / side.chip.gains(p.layer)[columns]
        weight[p.row_start : p.row_stop, p.column_start : p.column_stop] = part
    weight = weight * side.layout.scale[name]
    ends = side.ends[name]
    spans = [side.chip.calibration.ranges[p.layer] for p in pieces]
    levels = round(timing.input_max_ns / timing.input_step_ns)
    step = None
    if len(pieces) == 1:
        codes = round(timing.input_max_ns / timing.output_step_ns)
        step = 2 * spans[0].output_full_scale * side.layout.scale[name] / codes / side.gains(name)
    offset = torch.zeros(weight.shape[1], dtype=torch.float32)
    plain = NominalProduct(weight, offset, ends, max(s.input_full_scale for s in spans), levels, None)
    fit = fit_columns(side.product(name, frames, None), plain(frames))
    return NominalProduct(plain.weight * fit.slope, fit.offset, ends, plain.full_scale, levels, step)


def export_program(program: Program, side: ChipSide) -> ExportedProgram:
    """Return a chip model as an exported program without noise.

    Raises:
        UnsupportedModelError: `torch.export` cannot trace the network, or samples have means taken off their inputs.

    `torch.onnx.export(program, f="model.onnx")` writes it as ONNX (`pip install 'pcmesh[onnx]'`).
    """
    captured = program.captured
    if captured.program is None:
        raise UnsupportedModelError(
            "this network runs its own Python code, which torch.export cannot trace", captured.warnings[0]
        )
    per_sample = [name for name, entry in captured.runtime.centred.items() if entry.scope == "sample"]
    if per_sample:
        raise UnsupportedModelError(
            f"{per_sample[0]}: each sample's mean is taken off its inputs, which a plain graph cannot say",
            'Compile with CentreInputs(..., scope="vector")',
        )
    examples = captured.examples
    shapes: Any = examples.dynamic_shapes()
    network: nn.Module = captured.module
    free = shapes[1] if examples.kwargs else shapes[0]
    with torch.no_grad(), captured.runtime.computing(nominal_products(program, side)), exporting():
        return torch.export.export(network, examples.args, dict(examples.kwargs), dynamic_shapes=free)
