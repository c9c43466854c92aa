"""Compiled random networks on programmed random chips, without closed-loop programming."""

from dataclasses import dataclass, replace

import torch

from pcmesh.calibration.ranges import LayerRange, choose_range
from pcmesh.execution.behavioural.network import BehaviouralNetwork, build_network
from pcmesh.execution.clocked.frames import random_frames
from pcmesh.execution.hardware import chip_hardware
from pcmesh.execution.paths import Paths, route_paths
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.mapping import ColumnGroup, Encoding, LayerOptions, Mapping
from pcmesh.mapping.mapper import map_network
from pcmesh.microcode import Microcode, generate
from pcmesh.network import LayerGraph
from pcmesh.physics.column import RampSetting
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.units import STEPS_PER_G_MAX, TICKS_PER_NS
from pcmesh.placement import Placement
from pcmesh.placement.place import place
from pcmesh.programming.chip import ProgrammedNetwork, fabricate, program
from pcmesh.programming.targets import LayerTargets, largest_weight
from pcmesh.routing import Routing
from pcmesh.routing.route import route


@dataclass(frozen=True)
class Machine:
    """A network compiled for a chip, with random devices."""

    graph: LayerGraph
    mapping: Mapping
    placement: Placement
    routing: Routing
    ramps: dict[int, RampSetting]
    microcode: Microcode
    network: ProgrammedNetwork
    paths: Paths

    @property
    def engine(self) -> BehaviouralNetwork:
        return build_network(self.network, self.graph, self.ramps, self.paths)

    def hardware(self, die: int = 0):
        return chip_hardware(self.network, die)

    def frames(self, count: int, seed: int = 0) -> dict[str, torch.Tensor]:
        return random_frames(self.graph, self.network.chip, count, seed)

    @property
    def collected(self) -> set[int]:
        return {collect.group for program in self.microcode.chips for collect in program.collects}


def machine(
    graph: LayerGraph, chip: ChipSpec, options: dict[str, LayerOptions] | None = None, seed: int = 0
) -> Machine:
    """Compile a network; its devices are random, its ramps such that about half of the outputs do not saturate."""
    mapping = map_network(graph, chip, options)
    placement = place(mapping, chip)
    routing = route(mapping, placement, graph, chip)
    generator = torch.Generator().manual_seed(seed)
    full_scale = chip.timing.input_max_ns * 256
    ramps = {
        group.index: RampSetting(
            capacitor_units=int(torch.randint(1, chip.column.capacitor_units + 1, (1,), generator=generator)),
            slope_code=int(torch.randint(2000, 20_000, (1,), generator=generator)),
            zero_ticks=full_scale // 2 if graph.layer(group.layer).activation == "linear" else full_scale // 8,
        )
        for group in mapping.groups
    }
    instance = Instance(seed)
    blank = fabricate(chip, instance, mapping, placement)
    shape = (2, 2, chip.tile.rows + chip.tile.bias_rows, chip.tile.columns)
    g = {
        tile.index: torch.randint(0, STEPS_PER_G_MAX + 1, shape, generator=generator, dtype=torch.int16)
        for tile in mapping.tiles
    }
    targets = {name: LayerTargets.nominal(weight, 1.0) for name, weight in graph.weights.items()}
    return Machine(
        graph,
        mapping,
        placement,
        routing,
        ramps,
        generate(routing, mapping, placement, graph, ramps, chip),
        replace(blank, g=g, targets=targets),
        route_paths(routing, mapping, chip, instance),
    )


@dataclass(frozen=True)
class IdealMachine:
    """A machine on a chip without imperfections that holds random weights.

    Attributes:
        machine: the same mapping, placement and routing; the weights are written by closed loop.
        ranges: layer -> its range.
        values: vector -> (F, size) what PyTorch gives for the frames; an input of 1 is the longest pulse.
    """

    machine: Machine
    ranges: dict[str, LayerRange]
    values: dict[str, torch.Tensor]
    frames: dict[str, torch.Tensor]


def ideal(made: Machine, frames: int, seed: int = 0) -> IdealMachine:
    """Put random weights on an ideal chip of the same grid and tiles, and run them in PyTorch."""
    real = made.network.chip
    chip = load_chip("ideal").model_copy(update={"grid": real.grid, "tile": real.tile})
    generator = torch.Generator().manual_seed(seed)
    weights = {name: torch.randn(w.shape, generator=generator) for name, w in made.graph.weights.items()}
    graph, longest = replace(made.graph, weights=weights), chip.timing.input_max_ns * TICKS_PER_NS
    inputs = random_frames(graph, chip, frames, seed)
    values = {name: ticks / longest for name, ticks in inputs.items()}
    full_scale, ranges, targets = dict.fromkeys(values, 1.0), {}, {}
    for layer in graph.layers:
        weight, x, activation = weights[layer.name], values[layer.input], layer.function
        groups = made.mapping.groups_of(layer.name)
        parts = [x[:, rows_of(made, g)] @ weight[rows_of(made, g), g.column_start : g.column_stop] for g in groups]
        span = choose_range(
            chip,
            made.mapping.layer(layer.name).encoding,
            torch.cat(parts, dim=1),
            full_scale[layer.input],
            largest_weight(weight, 0.0),
            activation,
            0.0,
        )
        span.check_limits(layer.name, activation, chip)
        ranges[layer.name] = span
        targets[layer.name] = LayerTargets.nominal(weight, span.max_weight)
        if not activation.is_linear:
            values[layer.output] = activation.carried(x @ weight)
            full_scale[layer.output] = span.longest_value(span.ramp(chip), 1.0, chip) * activation.unit
    ramps = {group.index: ranges[group.layer].ramp(chip) for group in made.mapping.groups}
    blank = fabricate(chip, Instance(seed), made.mapping, made.placement)
    finished = replace(
        made,
        graph=graph,
        ramps=ramps,
        microcode=generate(made.routing, made.mapping, made.placement, graph, ramps, chip),
        network=program(blank, targets, 0),
        paths=route_paths(made.routing, made.mapping, chip, Instance(seed)),
    )
    return IdealMachine(finished, ranges, values, inputs)


def rows_of(made: Machine, group: ColumnGroup) -> torch.Tensor:
    """Return the rows of the layer that a group of columns adds up."""
    found = []
    for tile in (made.mapping.tiles[index] for index in group.tiles):
        blocks = (tile.wp1, tile.wp2) if tile.encoding is Encoding.PCM2 else (tile.wp1,)
        found += [torch.arange(block.row_start, block.row_stop) for block in blocks if block is not None]
    return torch.cat(found)
