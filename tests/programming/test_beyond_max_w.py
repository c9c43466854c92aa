"""What saturates counts as an error only where weights beyond Max W are wanted as they are."""

from __future__ import annotations

import torch
from torch import nn

import pcmesh
from pcmesh.hardware import change_chip, load_chip
from pcmesh.programming.quality import overall, programming_quality


def test_weights_beyond_max_w_are_errors_where_they_are_wanted() -> None:
    torch.manual_seed(0)
    network, x = nn.Linear(256, 64), torch.randn(50, 256)
    nn.init.normal_(network.weight)
    chip = change_chip(load_chip(), ["programming.saturated_share=0.08"])
    model = pcmesh.compile(network, x, chip, scale_columns=False)
    chips = model.side.chip.network
    reached, wanted = (overall(programming_quality(chips, beyond)) for beyond in (False, True))
    assert reached[0] > 0.99
    magnitude = network.weight.detach().abs()
    largest = magnitude.flatten().kthvalue(int(0.92 * magnitude.numel()) + 1).values
    beyond = float((magnitude > 1.25 * largest).float().mean())  # devices reach a little beyond g_max
    assert beyond / 2 < reached[0] - wanted[0] < 2 * beyond
    assert wanted[1] > reached[1]
