"""From a graph to a compiled network: map, place, route, choose nominal ranges, write the controllers' programs."""

from __future__ import annotations

from collections.abc import Mapping as Dict

import torch

from pcmesh.calibration.nominal import nominal_ramps, nominal_ranges
from pcmesh.compiled import CompiledNetwork
from pcmesh.hardware import ChipSpec
from pcmesh.mapping.mapper import map_network
from pcmesh.mapping.options import LayerOptions
from pcmesh.microcode.generate import generate
from pcmesh.network import LayerGraph
from pcmesh.placement.place import place
from pcmesh.random import torch_generator
from pcmesh.routing.route import route


def compile_network(
    graph: LayerGraph,
    chip: ChipSpec,
    options: Dict[str, LayerOptions] | None = None,
    inputs: Dict[str, torch.Tensor] | None = None,
) -> CompiledNetwork:
    """Map, place and route a network, choose nominal ranges and write the controllers' programs.

    Args:
        graph: the network.
        chip: the chip.
        options: layer name -> how it is mapped.
        inputs: vector name -> (B, size) float32 examples, for the ranges (standard normal numbers without them).

    Raises:
        CapacityError: it does not fit; the message says what is short by how much.
        UnsupportedModelError: something in it cannot be mapped.
    """
    mapping = map_network(graph, chip, options)
    placement = place(mapping, chip)
    routing = route(mapping, placement, graph, chip)
    ranges = nominal_ranges(graph, mapping, chip, inputs or {}, torch_generator(0, "data", "ranges"))
    microcode = generate(routing, mapping, placement, graph, nominal_ramps(mapping, chip, ranges), chip)
    return CompiledNetwork(chip, graph, mapping, placement, routing, ranges, microcode)
