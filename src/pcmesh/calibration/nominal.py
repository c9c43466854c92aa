"""Ranges before any chip is measured: from the network's own numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping as Dict

import torch

from pcmesh.calibration.ranges import LayerRange, choose_range, partial_products, range_needed
from pcmesh.errors import InputError
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping
from pcmesh.network import LayerGraph
from pcmesh.network.activation import Activation
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
            drawn = torch.randn(_RANDOM_INPUTS, vector.size, generator=generator, dtype=torch.float32)
            vectors[layer.input] = drawn if vector.signed else drawn.abs()
        values, weight = vectors[layer.input], graph.weights[layer.name]
        products = values @ weight
        activation = layer.function
        full_scale = max(float(values.abs().max()), 1e-9)
        largest = largest_weight(weight, chip.programming.saturated_share)
        encoding = mapping.layer(layer.name).encoding
        _check_finite(layer.name, full_scale, products)
        seen = _most_demanding(mapping, layer.name, weight, values, products, activation, clipped_share)
        found[layer.name] = choose_range(chip, encoding, seen, full_scale, largest, activation, clipped_share)
        found[layer.name].check_limits(layer.name, activation, chip)
        carried = activation.carried(products)
        longest = activation.unit * found[layer.name].output_full_scale
        vectors[layer.output] = products if activation.is_linear else carried.clamp(0, longest)
    return found


def _most_demanding(
    mapping: Mapping,
    layer: str,
    weight: torch.Tensor,
    values: torch.Tensor,
    products: torch.Tensor,
    activation: Activation,
    clipped_share: float,
) -> torch.Tensor:
    """Return the products, or the partial sums that are added digitally where those reach further."""
    groups = mapping.groups_of(layer)
    if len({(group.column_start, group.column_stop) for group in groups}) == len(groups):
        return products
    partials = [part.reshape(-1) for _, part in partial_products(mapping, layer, weight, values)]
    held = torch.cat(partials)
    reach = [range_needed(part, activation, clipped_share) for part in (products, held)]
    return products if reach[0] >= reach[1] else held


def _check_finite(layer: str, full_scale: float, products: torch.Tensor) -> None:
    if not math.isfinite(full_scale) or not bool(torch.isfinite(products).all()):
        raise InputError(
            f"layer {layer}: its calibration inputs or its products with them are NaN or infinite",
            "Calibrate with data that the network itself computes with",
        )


def nominal_ramps(mapping: Mapping, chip: ChipSpec, ranges: Dict[str, LayerRange]) -> dict[int, RampSetting]:
    """Return the ramp of every group of the layers that have a range, for nominal gains."""
    return {group.index: ranges[group.layer].ramp(chip) for group in mapping.groups if group.layer in ranges}
