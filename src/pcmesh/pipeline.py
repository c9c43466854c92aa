"""The whole way on one screen: network -> mapping -> placement -> routing -> programmed, calibrated, running chip."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace

import torch

from pcmesh.calibration.nominal import nominal_ramps, nominal_ranges
from pcmesh.calibration.procedure import Calibration, Calibrator
from pcmesh.calibration.ranges import LayerRange, column_gains
from pcmesh.chip import ChipSpec
from pcmesh.compiled import CompiledNetwork
from pcmesh.execution.behavioural.build import build_layer
from pcmesh.execution.behavioural.network import BehaviouralNetwork, build_network, noise_keys
from pcmesh.execution.paths import Paths, route_paths
from pcmesh.execution.products import ChipProducts
from pcmesh.mapping.mapper import map_network
from pcmesh.mapping.options import LayerOptions
from pcmesh.microcode.generate import generate
from pcmesh.model import LayerGraph
from pcmesh.physics.column import RampSetting
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.placement.place import place
from pcmesh.programming.chip import ProgrammedNetwork, fabricate, program
from pcmesh.programming.targets import LayerTargets
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


@dataclass(frozen=True)
class ProgrammedChip:
    """One chip instance with the nominal weights written; not calibrated."""

    compiled: CompiledNetwork
    network: ProgrammedNetwork
    paths: Paths

    def engine(self) -> BehaviouralNetwork:
        """Return the behavioural engine."""
        return build_network(self.network, self.compiled.graph, self.compiled.ramps, self.paths)


def program_nominal(compiled: CompiledNetwork, instance: Instance) -> ProgrammedChip:
    """Fabricate a chip instance and write the nominal weights by closed loop."""
    paths = route_paths(compiled.routing, compiled.mapping, compiled.chip, instance)
    blank = fabricate(compiled.chip, instance, compiled.mapping, compiled.placement)
    return ProgrammedChip(compiled, _write_nominal(blank, compiled.graph, compiled.ranges), paths)


def _write_nominal(blank: ProgrammedNetwork, graph: LayerGraph, ranges: Dict[str, LayerRange]) -> ProgrammedNetwork:
    targets = {name: LayerTargets.nominal(w, ranges[name].max_weight) for name, w in graph.weights.items()}
    return program(blank, targets, 0)


@dataclass(frozen=True)
class CalibratedChip:
    """One chip instance with the network programmed and calibrated.

    Attributes:
        compiled: the network.
        network: the programmed devices.
        calibration: how it is driven and read.
        paths: what the mesh does to pulses on the routes.
        calibrator: what calibrated it (for a new calibration of the bias rows).
    """

    compiled: CompiledNetwork
    network: ProgrammedNetwork
    calibration: Calibration
    paths: Paths
    calibrator: Calibrator

    def engine(self) -> BehaviouralNetwork:
        """Return the behavioural engine of the chip at its age."""
        return build_network(self.network, self.compiled.graph, self.calibration.ramps, self.paths)

    def aged(self, time_s: float) -> CalibratedChip:
        """Return the chip `time_s` after calibration."""
        return replace(self, network=self.network.aged(time_s))

    def with_new_bias(self) -> CalibratedChip:
        """Return the chip with its bias rows calibrated anew, at its age."""
        return replace(self, network=self.calibrator.recalibrate_bias(self.network, self.calibration))


def bring_up(
    compiled: CompiledNetwork,
    instance: Instance,
    inputs: torch.Tensor,
    input_full_scale: float,
    calibrate: bool = True,
    clipped_share: float = 0.001,
) -> CalibratedChip:
    """Fabricate a chip instance, program the network and calibrate it.

    Args:
        compiled: the network (a chain of layers; networks with digital parts are calibrated at their OLPs).
        instance: which chip.
        inputs: (B, rows) float32 calibration inputs of the first layer.
        input_full_scale: value of an input that makes the longest pulse.
        calibrate: False leaves out slopes, bias rows and ReLU trim.
        clipped_share: share of the outputs allowed beyond the range.
    """
    paths = route_paths(compiled.routing, compiled.mapping, compiled.chip, instance)
    keys = noise_keys(instance, [f"calibration/{number}" for number in range(len(inputs))])
    count_ticks = round(compiled.chip.timing.output_step_ns * TICKS_PER_NS)

    def measure(
        network: ProgrammedNetwork, layer: str, ramps: Dict[int, RampSetting], ticks: torch.Tensor, counted: bool
    ) -> torch.Tensor:
        analog_input = compiled.graph.producer(compiled.graph.layer(layer).input) is not None
        banks = build_layer(network, layer, ramps, not counted, paths, analog_input)
        out = BehaviouralNetwork(compiled.graph, {layer: banks}).run_layer(layer, ticks, keys)[0]
        return out * count_ticks if counted else out

    blank = fabricate(compiled.chip, instance, compiled.mapping, compiled.placement)
    calibrator = Calibrator(compiled.graph, measure, inputs, input_full_scale, clipped_share, calibrate)
    network, calibration = calibrator.calibrate(blank)
    return CalibratedChip(compiled, network, calibration, paths, calibrator)


def bring_up_products(
    compiled: CompiledNetwork,
    instance: Instance,
    inputs: Dict[str, torch.Tensor],
    mesh: bool = True,
    clipped_share: float = 0.001,
    scale_columns: bool = False,
) -> ChipProducts:
    """Fabricate a chip instance, program a network whose layers all have digital ends, and calibrate its read-out.

    Args:
        compiled: the network.
        instance: which chip.
        inputs: vector name -> (B, rows) float32 calibration frames of every layer's input, from software.
        mesh: False leaves out what wires and borderguards do to pulses: three times as fast.
        clipped_share: share of the outputs allowed beyond the range.
        scale_columns: whether each column is written with its own gain (`column_gains`), undone by its read-out.
    """
    paths = route_paths(compiled.routing, compiled.mapping, compiled.chip, instance) if mesh else None
    blank = fabricate(compiled.chip, instance, compiled.mapping, compiled.placement)
    return program_products(blank, compiled.graph, inputs, paths, clipped_share, scale_columns)


def program_products(
    blank: ProgrammedNetwork,
    graph: LayerGraph,
    inputs: Dict[str, torch.Tensor],
    paths: Paths | None = None,
    clipped_share: float = 0.001,
    scale_columns: bool = False,
) -> ChipProducts:
    """Program the layers of a network with digital ends and calibrate their read-out.

    Args:
        blank: the chip instance, mapped and placed (`fabricate`); it needs no routes.
        graph: the network.
        inputs: vector name -> (B, rows) float32 calibration frames of every layer's input, from software.
        paths: what the mesh does to pulses (None: tiles side by side, without a mesh).
        clipped_share: share of the outputs allowed beyond the range.
        scale_columns: whether each column is written with its own gain (`column_gains`), undone by its read-out.
    """
    gains = _column_gains(blank, graph, inputs, clipped_share) if scale_columns else {}
    written = replace(graph, weights={name: w * gains[name] for name, w in graph.weights.items()}) if gains else graph
    generator = torch_generator(0, "data", "ranges")
    ranges = nominal_ranges(written, blank.mapping, blank.chip, inputs, generator, clipped_share)
    return ChipProducts(graph, _write_nominal(blank, written, ranges), ranges, paths, {}, gains).calibrated(inputs)


def _column_gains(
    blank: ProgrammedNetwork, graph: LayerGraph, inputs: Dict[str, torch.Tensor], clipped_share: float
) -> dict[str, torch.Tensor]:
    return {
        layer.name: column_gains(
            blank.chip, blank.mapping, layer.name, graph.weights[layer.name], inputs[layer.input], clipped_share
        )
        for layer in graph.layers
    }
