"""Ranges before any chip is measured: from the network's own numbers."""

from __future__ import annotations

from collections.abc import Mapping as Dict

import torch

from pcmesh.calibration.ranges import LayerRange, choose_range
from pcmesh.chip import ChipSpec
from pcmesh.mapping import Mapping
from pcmesh.model import LayerGraph
from pcmesh.physics.column import RampSetting
from pcmesh.programming.targets import largest_weight

_RANDOM_INPUTS = 64


def nominal_ranges(
    graph: LayerGraph,
    mapping: Mapping,
    chip: ChipSpec,
    inputs: Dict[str, torch.Tensor],
    generator: torch.Generator,
    clipped_share: float = 0.001,
) -> dict[str, LayerRange]:
    """Choose the range of every layer from products in software.

    Args:
        graph, mapping, chip: the network.
        inputs: vector name -> (B, size) float32 examples; vectors that are not given and that no layer makes are taken
            as standard normal numbers (magnitudes, where they are unsigned).
        generator: for those.
        clipped_share: share of the outputs allowed beyond the range.
    """
    vectors = dict(inputs)
    found: dict[str, LayerRange] = {}
    for layer in graph.layers:
        if layer.input not in vectors:
            vector = graph.vector(layer.input)
            drawn = torch.randn(_RANDOM_INPUTS, vector.size, generator=generator)
            vectors[layer.input] = drawn if vector.signed else drawn.abs()
        values, weight = vectors[layer.input], graph.weights[layer.name]
        products = values @ weight
        linear = layer.activation == "linear"
        full_scale = max(float(values.abs().max()), 1e-9)
        largest = largest_weight(weight, chip.programming.saturated_share)
        encoding = mapping.layer(layer.name).encoding
        found[layer.name] = choose_range(chip, encoding, products, full_scale, largest, linear, clipped_share)
        vectors[layer.output] = products if linear else products.clamp(0, found[layer.name].output_full_scale)
    return found


def nominal_ramps(mapping: Mapping, chip: ChipSpec, ranges: Dict[str, LayerRange]) -> dict[int, RampSetting]:
    """Return the ramp of every group of the layers that have a range, for nominal gains."""
    return {group.index: ranges[group.layer].ramp(chip) for group in mapping.groups if group.layer in ranges}
