"""From a compiled network to a chip: fabricate an instance, write the weights, calibrate."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch

from pcmesh.calibration.nominal import nominal_ramps, nominal_ranges
from pcmesh.calibration.procedure import Calibration
from pcmesh.calibration.ranges import LayerRange, column_gains
from pcmesh.compiled import CompiledNetwork
from pcmesh.deployed.chip.chip import Chip
from pcmesh.errors import ConfigurationError
from pcmesh.execution.paths import Paths, route_paths
from pcmesh.network import AnalogLayer, LayerGraph
from pcmesh.physics.fabrication import Instance
from pcmesh.programming.chip import ProgrammedNetwork, fabricate, program
from pcmesh.programming.targets import LayerTargets
from pcmesh.random import torch_generator

CalibrationKind = Literal["auto", "read-out", "analog", "none"]
"""How columns are calibrated: by an affine map of their codes, by their devices (slopes, bias rows, zero level), or
not; `auto`: by their devices where pulses go from tile to tile or ramps make activations, by their codes elsewhere."""


def program_nominal(compiled: CompiledNetwork, instance: Instance) -> Chip:
    """Fabricate a chip instance and write the nominal weights by closed loop, in the compiled ranges."""
    paths = route_paths(compiled.routing, compiled.mapping, compiled.chip, instance)
    blank = fabricate(compiled.chip, instance, compiled.mapping, compiled.placement)
    network = _write_nominal(blank, compiled.graph, compiled.ranges)
    gains = dict.fromkeys(compiled.ranges, 1.0)
    return Chip(compiled.graph, network, Calibration(compiled.ranges, gains, compiled.ramps), paths)


def bring_up(
    compiled: CompiledNetwork,
    instance: Instance,
    inputs: Dict[str, torch.Tensor],
    calibration: CalibrationKind = "auto",
    *,
    mesh: bool = True,
    clipped_share: float = 0.001,
    scale_columns: bool = False,
) -> Chip:
    """Fabricate a chip instance, program a routed network and calibrate it.

    Args:
        compiled: the network.
        instance: which chip.
        inputs: vector name -> (B, rows) float32 calibration frames of every vector that comes from outside.
        calibration: how.
        mesh: False leaves out what wires and borderguards do to pulses: three times as fast.
        clipped_share: share of the outputs allowed beyond the range.
        scale_columns: whether each column is written with its own gain (`column_gains`), undone by its read-out.
    """
    paths = route_paths(compiled.routing, compiled.mapping, compiled.chip, instance) if mesh else None
    blank = fabricate(compiled.chip, instance, compiled.mapping, compiled.placement)
    return calibrate(
        blank,
        compiled.graph,
        inputs,
        calibration,
        paths=paths,
        clipped_share=clipped_share,
        scale_columns=scale_columns,
    )


def calibrate(
    blank: ProgrammedNetwork,
    graph: LayerGraph,
    inputs: Dict[str, torch.Tensor],
    calibration: CalibrationKind = "auto",
    *,
    paths: Paths | None = None,
    clipped_share: float = 0.001,
    scale_columns: bool = False,
) -> Chip:
    """Program a network on a chip instance, mapped and placed (`fabricate`), and calibrate it; see `bring_up`.

    Raises:
        ConfigurationError: a read-out for layers that hand pulses over, which no code leaves.
    """
    chains = graph.chains()
    analog = [chain for chain in chains if _by_devices(chain, calibration)]
    alone = [chain[0] for chain in chains if chain not in analog]
    chip = _written(blank, graph.part(layer.name for layer in alone), inputs, paths, clipped_share, scale_columns)
    chip = replace(chip, graph=graph)
    for layer in alone:
        chip = chip.with_readout(layer, inputs[layer.input])
    for chain in analog:
        calibrator = chip.calibrator(chain, inputs[chain[0].input], clipped_share, calibration != "none")
        network, found = calibrator.calibrate(chip.network)
        chip = replace(chip, network=network, calibration=chip.calibration.joined(found, chain[0].name))
        chip = chip.with_nominal_readout(chain[-1])
    return chip


def _by_devices(chain: Sequence[AnalogLayer], calibration: CalibrationKind) -> bool:
    needed = len(chain) > 1 or not chain[0].function.is_linear
    if calibration == "auto":
        return needed
    if calibration == "read-out" and needed:
        names = " -> ".join(layer.name for layer in chain)
        why = "pulses go from tile to tile, no code to fit" if len(chain) > 1 else "its codes are an activation's"
        raise ConfigurationError(f"{names}: {why}", "Calibrate them by their devices")
    return calibration != "read-out"


def _written(
    blank: ProgrammedNetwork,
    graph: LayerGraph,
    inputs: Dict[str, torch.Tensor],
    paths: Paths | None,
    clipped_share: float,
    scale_columns: bool,
) -> Chip:
    """Return the chip with the nominal weights of layers between digital ends, their read-out not fitted."""
    gains = _column_gains(blank, graph, inputs, clipped_share) if scale_columns else {}
    written = replace(graph, weights={name: w * gains[name] for name, w in graph.weights.items()}) if gains else graph
    generator = torch_generator(0, "data", "ranges")
    ranges = nominal_ranges(written, blank.mapping, blank.chip, inputs, generator, clipped_share)
    ramps = nominal_ramps(blank.mapping, blank.chip, ranges)
    network = _write_nominal(blank, written, ranges)
    return Chip(graph, network, Calibration(ranges, dict.fromkeys(ranges, 1.0), ramps), paths, {}, gains)


def _write_nominal(blank: ProgrammedNetwork, graph: LayerGraph, ranges: Dict[str, LayerRange]) -> ProgrammedNetwork:
    targets = {name: LayerTargets.nominal(w, ranges[name].max_weight) for name, w in graph.weights.items()}
    return program(blank, targets, 0)


def _column_gains(
    blank: ProgrammedNetwork, graph: LayerGraph, inputs: Dict[str, torch.Tensor], clipped_share: float
) -> dict[str, torch.Tensor]:
    return {
        layer.name: column_gains(
            blank.chip, blank.mapping, layer.name, graph.weights[layer.name], inputs[layer.input], clipped_share
        )
        for layer in graph.layers
    }
