"""How exact one tile's matrix products are on a chip: the noise that goes with an energy."""

from __future__ import annotations

import torch

from pcmesh.analysis.mac import MacError
from pcmesh.chip import ChipSpec
from pcmesh.deployed import bring_up
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.model import AnalogLayer, LayerGraph, Vector
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.pulse import input_ticks
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.pipeline import compile_network
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
    vectors = (Vector(name="x", size=rows), Vector(name="y", size=COLUMNS))
    layers = (AnalogLayer(name="probe", input="x", output="y"),)
    graph = LayerGraph("probe", vectors, layers, (), {"probe": weight})
    known, asked = inputs[:CALIBRATION], inputs[CALIBRATION:]
    compiled = compile_network(graph, chip, {"probe": LayerOptions(encoding=encoding)}, {"x": known})
    full_scale = float(known.abs().max())
    calibrated = bring_up(compiled, Instance(seed), {"x": known}, "analog")
    keys = noise_keys(calibrated.network.instance, [f"probe/{number}" for number in range(INPUTS)])
    ticks = input_ticks(asked, full_scale, chip.timing)
    codes = calibrated.engine().run({"x": ticks}, keys)["probe"][0].float()
    longest = chip.timing.output_max_ns * TICKS_PER_NS
    chip_values = 2 * codes * (chip.timing.output_step_ns * TICKS_PER_NS / longest) - 1
    wanted = asked @ weight / calibrated.calibration.ranges["probe"].output_full_scale
    return MacError(chip_values, wanted.clamp(-1, 1))
