"""The charge that devices conduct while rows are read.

Op-amps hold the bit lines at the read voltage and take all of a column's current from the 1.5-V supply (assumed: the
paper says that an op-amp forces the read voltage on the whole bit line; the mirror's output, about 1 % of it, is left
out). A femtocoulomb through the devices so costs 1.5 fJ, of which the devices themselves turn a fifth into heat.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import torch

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.performance.stages import Compiled
from pcmesh.programming.targets import largest_weight

_MEAN_MAGNITUDE = 0.7979
"""Of a normal number with a standard deviation of 1."""


def charge_of_rows(compiled: Compiled) -> Mapping[str, float]:
    """Return layer -> charge that the devices on a row conduct in a nanosecond, mean over its rows, fC."""
    mapping, chip = compiled.mapping, compiled.chip
    layers = dict.fromkeys(tile.wp1.layer for tile in mapping.tiles)
    return {
        name: _columns(mapping, name) * mean_conductance_us(compiled, name) * chip.column.read_voltage_v
        for name in layers
    }


def mean_conductance_us(compiled: Compiled, layer: str) -> float:
    """Return the mean conductance of both devices of a pair together: of the targets, where weights are known."""
    weight, chip = compiled.graph.weights.get(layer), compiled.chip
    encoding = compiled.mapping.layer(layer).encoding
    if weight is None or not bool(weight.any()):
        return typical_conductance_us(chip, encoding)
    largest = largest_weight(weight, chip.programming.saturated_share)
    return _pair_us(chip, encoding, float((weight.abs() / largest).clamp(max=1.0).mean(dtype=torch.float64)))


def typical_conductance_us(chip: ChipSpec, encoding: Encoding) -> float:
    """Return the same for weights that are not known, as if they were normal numbers.

    The matrices of the RNN-T that ships are not far from that: with 2 % of the weights beyond Max W their mean is 0.25
    to 0.35 of it, that of normal numbers 0.34.
    """
    beyond = max(chip.programming.saturated_share, 1e-6)
    return _pair_us(chip, encoding, _MEAN_MAGNITUDE / NormalDist().inv_cdf(1 - beyond / 2))


def _pair_us(chip: ChipSpec, encoding: Encoding, mean: float) -> float:
    """Return both devices of a pair: one of them is near 0, or is a reference for the other."""
    record = encoding.record
    return chip.pcm.g_max_us * max(mean * record.amplitude, 2 * record.reference)


def _columns(mapping: TileMapping, layer: str) -> float:
    """Return the columns that a row of a tile meets, mean over the layer's tiles."""
    blocks = [block for tile in mapping.tiles for block in (tile.wp1, tile.wp2) if block and block.layer == layer]
    return sum(block.rows * block.columns for block in blocks) / sum(block.rows for block in blocks)
