"""How exact one tile's matrix products are on a chip: the noise that goes with an energy."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from pcmesh.analysis.mac import MacError
from pcmesh.deployed import compile_model
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding
from pcmesh.physics.pulse import input_ticks
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.random import torch_generator

COLUMNS, CALIBRATION, INPUTS = 64, 500, 500
WEIGHT_SIGMA = 0.2
"""Spread of the weights, share of the largest; like that of a trained layer (assumed)."""


def mac_error(chip: ChipSpec, encoding: Encoding = Encoding.AB, seed: int = 0) -> MacError:
    """Program, calibrate and run one tile with random weights and inputs; compare with exact products.

    The weights are the same for every chip with tiles of that many rows. The error holds everything: input steps,
    devices, columns, converters.

    Args:
        chip: the chip.
        encoding: how the weights are held.
        seed: of the chip instance, the weights and the inputs.
    """
    rows = chip.tile.rows
    generator = torch_generator(seed, "data", "mac probe", rows)
    weight = (torch.randn((rows, COLUMNS), generator=generator) * WEIGHT_SIGMA).clamp(-1, 1)
    inputs = torch.randn((CALIBRATION + INPUTS, rows), generator=generator).clamp(-4, 4)
    known, asked = inputs[:CALIBRATION], inputs[CALIBRATION:]
    layer = nn.Linear(rows, COLUMNS, bias=False)
    layer.load_state_dict({"weight": weight.T})
    network = nn.Sequential(OrderedDict(probe=layer))
    calibrated = compile_model(
        network, known, chip, encoding=encoding, columns="analog", route=True, seed=seed
    ).side.chip
    span = calibrated.calibration.ranges["probe"]
    keys = noise_keys(calibrated.network.instance, [f"probe/{number}" for number in range(INPUTS)])
    ticks = input_ticks(asked, span.input_full_scale, chip.timing)
    codes = calibrated.engine().run({calibrated.graph.layer("probe").input: ticks}, keys)["probe"][0].float()
    longest = chip.timing.output_max_ns * TICKS_PER_NS
    chip_values = 2 * codes * (chip.timing.output_step_ns * TICKS_PER_NS / longest) - 1
    wanted = asked @ weight / span.output_full_scale
    return MacError(chip_values, wanted.clamp(-1, 1))
