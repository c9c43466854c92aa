"""The RNN-T's graph of one frame, captured and lowered like any network's, with the paper's names."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.mapping.frame_graph import frame_graph
from pcmesh.network import LayerGraph
from pcmesh.random import torch_generator
from pcmesh.workloads.rnnt.listening.transcriber import Transcriber
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.recipe import FIRST, GRAPH_NAMES, PRODUCTS, captured_rnnt, paper_options
from pcmesh.workloads.rnnt.widths import RnntWidths

_CERTAIN = 1e6
"""Bias of the blank that no logit reaches."""


def rnnt_graph(
    network: RnntNetwork | RnntWidths | None = None,
    options: Mapping[str, ProductOptions] | None = None,
    chip: ChipSpec | None = None,
) -> LayerGraph:
    """Return the graph of one frame and one letter.

    Args:
        network: the network, or its sizes where no number counts; None: the paper's sizes.
        options: matrix by the paper's name -> its options; None: the paper's (`paper_options`).
        chip: None: `nature2023`.

    Raises:
        ConfigurationError: an expansion to fewer rows than features.
    """
    chip = chip or load_chip()
    network = network if isinstance(network, RnntNetwork) else empty_network(network or RnntWidths())
    options = paper_options(network.widths, chip) if options is None else options
    module = Transcriber(network)
    # Nothing is written, so that the decoder takes one step.
    module.decoder.joint.last.bias[network.blank] = _CERTAIN
    example = torch.zeros(1, network.widths.stack, network.widths.features), torch.tensor([network.widths.stack])
    captured = captured_rnnt(module, network.widths, chip, example, batch_dim=None)
    first = PRODUCTS[FIRST]
    rows = options[FIRST].rows(first, network.widths.features)
    return frame_graph(captured, "rnnt", {} if rows is None else {first: rows}, GRAPH_NAMES)


def random_network(widths: RnntWidths, seed: int = 0) -> RnntNetwork:
    """Return a network with uniform random numbers, as PyTorch starts its LSTMs."""
    network, generator = empty_network(widths), torch_generator(seed, "training", "rnnt")
    for parameter in network.parameters():
        bound = float(parameter.shape[-1]) ** -0.5
        parameter.uniform_(-bound, bound, generator=generator)
    return network


def empty_network(widths: RnntWidths) -> RnntNetwork:
    """Return a network of some sizes whose numbers say nothing: where only shapes count."""
    with torch.device("meta"):
        network = RnntNetwork(widths)
    network.to_empty(device="cpu").requires_grad_(False)
    for parameter in network.parameters():
        parameter.zero_()
    network.prediction.embed.weight.fill_(1.0)  # a token of zeros would be padding
    return network.eval()
