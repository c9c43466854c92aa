"""Compiled random networks on programmed random chips, without closed-loop programming."""

from dataclasses import dataclass, replace

import torch

from pcmesh.chip import ChipSpec
from pcmesh.execution.behavioural.network import BehaviouralNetwork, build_network
from pcmesh.execution.clocked.frames import random_frames
from pcmesh.execution.hardware import chip_hardware
from pcmesh.execution.paths import Paths, route_paths
from pcmesh.mapping import LayerOptions, Mapping
from pcmesh.mapping.mapper import map_network
from pcmesh.microcode import Microcode, generate
from pcmesh.model import LayerGraph
from pcmesh.physics.column import RampSetting
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.units import STEPS_PER_G_MAX
from pcmesh.placement import Placement
from pcmesh.placement.place import place
from pcmesh.programming.chip import ProgrammedNetwork, fabricate
from pcmesh.programming.targets import LayerTargets
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
