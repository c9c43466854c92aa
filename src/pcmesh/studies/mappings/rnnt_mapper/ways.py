"""The ways to map each matrix of the RNN-T, in a user's words (`AB,copies=4`), and what they take."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from pcmesh.analysis.mapping_choice.candidates import NOT_MEASURED, Candidate, ways_with_more_rows
from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.deployed.figures.energy import joule, vector_events, vector_steps
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding
from pcmesh.mapping.mapper import map_network
from pcmesh.mapping.packing import layers_of
from pcmesh.network.products import MatrixProduct
from pcmesh.workloads.rnnt.compiled.graph import rnnt_graph
from pcmesh.workloads.rnnt.on_chip.recipe import FIRST, paper_options
from pcmesh.workloads.rnnt.widths import RnntWidths

Ways = Mapping[str, str]


def paper_ways(widths: RnntWidths, chip: ChipSpec) -> dict[str, str]:
    """Return how the paper maps each matrix."""
    return {name: one.way for name, one in paper_options(widths, chip).items()}


def ways_of_first(widths: RnntWidths, chip: ChipSpec) -> tuple[ProductOptions, ...]:
    """Return the ways of Enc-LSTM0 Wx: all encodings, as trained, with copies and with weight expansion."""
    more = ({}, *ways_with_more_rows(widths.features, chip.tile.rows))
    return tuple(ProductOptions(encoding=encoding, **fields) for fields in more for encoding in Encoding)


def sizes(widths: RnntWidths, chip: ChipSpec, vectors: Mapping[str, float]) -> list[Candidate]:
    """Return tiles, steps and energy of every matrix in every way, without a loss; exact, for networks of any width.

    Args:
        widths: of the network.
        chip: the kind of chip.
        vectors: matrix -> vectors for each utterance.
    """
    sized = widths.model_copy(update={"expand": None, "input_copies": 1})
    graph = rnnt_graph(sized, chip=chip)
    others = tuple(ProductOptions(encoding=encoding) for encoding in Encoding)
    return [
        _size(layer.name, option, graph.weights[layer.name], chip, vectors[layer.name])
        for layer in graph.layers
        for option in (ways_of_first(widths, chip) if layer.name == FIRST else others)
    ]


def _size(name: str, options: ProductOptions, weight: torch.Tensor, chip: ChipSpec, vectors: float) -> Candidate:
    more = options.rows(name, len(weight))
    held = (
        weight if more is None else weight.new_zeros((options.expand or options.copies * len(weight), weight.shape[1]))
    )
    graph = layers_of(name, [MatrixProduct(name, held, True, (), ())], (chip.tile.rows, chip.tile.columns)).graph
    mapping = map_network(graph, chip, {name: options})
    where = (mapping, chip, [0] * len(mapping.tiles), name)
    energy = joule(vector_events(*where)) + joule({"matrix_operations": more.operations if more else 0.0})
    return Candidate(
        name, options.way, NOT_MEASURED, len(mapping.tiles), vectors * vector_steps(*where), vectors * energy
    )
