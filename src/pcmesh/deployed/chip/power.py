"""The power test of any network: which microcode and which devices the clocked chips get.

The network is tested as it is mapped, placed and routed: its ranges fit the test's own vectors, so that data and chip
instance that it was calibrated with have no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from pcmesh.calibration.nominal import nominal_ramps, nominal_ranges
from pcmesh.compiled import CompiledNetwork
from pcmesh.deployed.chip.bring_up import program_nominal
from pcmesh.execution.hardware import ChipHardware, chip_hardware
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import TileImage
from pcmesh.microcode import Microcode, generate
from pcmesh.performance import Compiled
from pcmesh.performance.power_test import ChipActivity, blank_hardware, plain_microcode, run_power_test
from pcmesh.physics.fabrication import Instance
from pcmesh.progress import Progress
from pcmesh.random import torch_generator
from pcmesh.routing import ChipSchedule


def power_tests(variants: Mapping[str, Compiled], seed: int, report: Progress) -> dict[str, tuple[ChipActivity, ...]]:
    """Execute the power test of each variant of a network; a chip that two variants have alike is tested once.

    Raises:
        HardwareError: a chip refused an action.
    """
    known: list[tuple[ChipSchedule, tuple[TileImage, ...], ChipSpec, ChipActivity]] = []
    found: dict[str, tuple[ChipActivity, ...]] = {}
    for name, compiled in variants.items():
        bench = _Bench(compiled, seed, report)
        chips: list[ChipActivity] = []
        for schedule in compiled.routing.chips:
            tiles = _tiles_on(compiled, schedule.chip)
            alike = [entry[-1] for entry in known if entry[:-1] == (schedule, tiles, compiled.chip)]
            chips.append(alike[0] if alike else bench.test(schedule.chip))
            known.append((schedule, tiles, compiled.chip, chips[-1]))
        found[name] = tuple(chips)
    return found


class _Bench:
    """The test set-up of one variant."""

    def __init__(self, compiled: Compiled, seed: int, report: Progress) -> None:
        self._compiled, self._seed, self._report = compiled, seed, report

    def test(self, chip: int) -> ChipActivity:
        """Return what a chip does for an operation."""
        self._report("power test", chip, self._compiled.placement.chips)
        microcode, hardware = self._set_up
        one = microcode.model_copy(update={"chips": (microcode.chips[chip],)})
        done = run_power_test(self._compiled, one, hardware, self._seed)[0]
        self._report("power test", chip + 1, self._compiled.placement.chips)
        return done

    @cached_property
    def _set_up(self) -> tuple[Microcode, Callable[[int], ChipHardware]]:
        compiled = self._compiled
        if not any(compiled.graph.producer(layer.input) is not None for layer in compiled.graph.layers):
            return plain_microcode(compiled), lambda die: blank_hardware(compiled, die)
        # What arrives at a tile depends on the weights before it.
        whole = _programs(compiled)
        network = program_nominal(whole, Instance(self._seed)).network
        return whole.microcode, lambda die: chip_hardware(network, die)


def _programs(compiled: Compiled) -> CompiledNetwork:
    graph, mapping, placement, routing, chip = (
        compiled.graph,
        compiled.mapping,
        compiled.placement,
        compiled.routing,
        compiled.chip,
    )
    ranges = nominal_ranges(graph, mapping, chip, {}, torch_generator(0, "data", "ranges"))
    microcode = generate(routing, mapping, placement, graph, nominal_ramps(mapping, chip, ranges), chip)
    return CompiledNetwork(chip, graph, mapping, placement, routing, ranges, microcode)


def _tiles_on(compiled: Compiled, chip: int) -> tuple[TileImage, ...]:
    places = zip(compiled.mapping.tiles, compiled.placement.places, strict=True)
    return tuple(tile for tile, place in places if place.chip == chip)
