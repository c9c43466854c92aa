"""The clocked chip: loads programs into its controllers and runs frames, nanosecond by nanosecond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from pcmesh.errors import HardwareError, InputError
from pcmesh.execution.clocked.activity import Activity, Counter, Event
from pcmesh.execution.clocked.capacitors import CapacitorBank
from pcmesh.execution.clocked.clock import HOST, Clock
from pcmesh.execution.clocked.controller import Bank, Controller
from pcmesh.execution.clocked.mesh import MeshModel
from pcmesh.execution.clocked.noise import ReadNoise
from pcmesh.execution.clocked.pads import InputPad, OutputPad
from pcmesh.execution.clocked.tile import TileModel
from pcmesh.execution.clocked.trace import Trace
from pcmesh.execution.clocked.voltages import VoltageProbe
from pcmesh.execution.hardware import ChipHardware
from pcmesh.hardware import Site
from pcmesh.mapping import Lane
from pcmesh.microcode import ChipProgram, Collect, Load
from pcmesh.physics.fabrication import clock_ratio
from pcmesh.physics.units import TICKS_PER_NS

PIPELINED_FRAMES = 3
"""Frames that follow each other in one lane: enough for the start, the steady state and the overlap of frames."""


@dataclass(frozen=True)
class ClockedRun:
    """What came out: group -> (F, columns) int32 OLP codes; what the chip did for it, in all and event by event."""

    codes: Mapping[int, torch.Tensor]
    activity: Activity
    events: Mapping[Event, float]


@dataclass(frozen=True)
class ClockedChip:
    """A programmed die with microcode in its controllers."""

    hardware: ChipHardware
    program: ChipProgram

    def run(
        self,
        frames: Mapping[str, torch.Tensor],
        noise: bool,
        pipelined: int = PIPELINED_FRAMES,
        trace: Trace | None = None,
        probes: Mapping[Site, VoltageProbe] | None = None,
    ) -> ClockedRun:
        """Execute frames in the steady state.

        The frames are spread over lanes: chips that run in lockstep, each with up to `pipelined` frames one after the
        other. What a frame gives does not depend on that, because every frame starts with a precharge.

        Args:
            frames: vector name -> (F, size) int32 signed pulse lengths, ticks.
            noise: with read noise (seeded by the instance, the frame and the tile).
            pipelined: frames that follow each other in a lane.
            trace: records signals of lane 0.
            probes: tile -> what records the voltages of its capacitors.

        Raises:
            HardwareError: the chip refused an action; names the place, the cycle and the wire.
            InputError: a vector is missing or has another shape.
        """
        order = _lanes(_frame_count(frames), pipelined)
        run = _Run(self.hardware, self.program, order, noise, trace)
        run.attach(probes or {})
        run.schedule_loads(frames)
        run.execute()
        return ClockedRun(run.codes(), run.counter.activity(order.numel()), dict(run.counter.events))


class _Run:
    """All models of one run: `order` (L, P) says which frame each lane executes in which turn."""

    def __init__(
        self, hardware: ChipHardware, program: ChipProgram, order: torch.Tensor, noise: bool, trace: Trace | None
    ) -> None:
        chip = hardware.chip
        self._hardware, self._program, self._order, self._noise = hardware, program, order, noise
        self.clock = Clock()
        self.counter = Counter(self.clock, lanes=order.shape[0])
        self._mesh = MeshModel(chip, hardware.instance, self.clock, self.counter)
        self._banks = {
            site: CapacitorBank(
                f"tile {tuple(site)}", chip, tile.fabric, hardware.variance_unit, self.clock, order.shape[0]
            )
            for site, tile in hardware.tiles.items()
        }
        self._tiles = {site: self._tile(site) for site in hardware.tiles}
        pads = chip.grid
        self._ilps = [
            InputPad(f"ILP {pad.domain}", self._mesh.pad(pad), self._mesh, self.clock, self.counter)
            for pad in pads.ilps
        ]
        self._olps = [
            OutputPad(
                f"OLP {pad.domain}",
                self._mesh.pad(pad),
                self._mesh,
                self.clock,
                self.counter,
                chip.timing,
                clock_ratio(chip, hardware.instance, number),
            )
            for number, pad in enumerate(pads.olps)
        ]
        controllers = self._load_programs(trace)
        if trace is not None:
            trace.attach(self.clock, self._mesh, program)
            for controller in controllers:
                controller.on_fetch = trace.fetched

    def execute(self) -> None:
        """Run until the last frame has left the chip."""
        turns = self._order.shape[1]
        steps = (turns - 1) * self._program.interval_steps + self._program.steps
        self.clock.run(self._program.start_ns(steps) * TICKS_PER_NS)

    def attach(self, probes: Mapping[Site, VoltageProbe]) -> None:
        """Let probes record the capacitors of tiles."""
        for site, probe in probes.items():
            self._banks[site].probe = probe

    def schedule_loads(self, frames: Mapping[str, torch.Tensor]) -> None:
        """Let the host write the ILPs' SRAM before the step of each frame that sends it first."""
        for load in self._program.loads:
            vector = _vector(frames, load)
            for turn in range(self._order.shape[1]):
                step = turn * self._program.interval_steps + load.step
                self._write_at(step, load, vector[self._order[:, turn]])

    def codes(self) -> dict[int, torch.Tensor]:
        """Return the codes of all groups, frames in order."""
        return {collect.group: self._read(collect) for collect in self._program.collects}

    def _tile(self, site: Site) -> TileModel:
        hardware = self._hardware
        south = self._banks.get(Site(site.row + 1, site.column))
        own = self._banks[site]
        noise = ReadNoise(hardware.instance, site, self._order) if self._noise else None

        def bank_in_use() -> CapacitorBank:
            return south if south is not None and south.shares_north else own

        return TileModel(
            site,
            hardware.tiles[site],
            hardware.chip,
            own,
            bank_in_use,
            self._mesh,
            self.clock,
            self.counter,
            noise,
        )

    def _load_programs(self, trace: Trace | None) -> list[Controller]:
        words = self._hardware.chip.controller.sram_words
        found = []
        for entry in self._program.tiles:
            where = f"tile {tuple(entry.site)}"
            banks = self._place_banks(entry.site)
            watched = banks if trace is None else trace.watched(where, banks)
            found.append(Controller(where, entry.program, watched, self.clock, self.counter, words))
        for pad in self._program.ilps:
            ilp: dict[str, Bank] = {"send": self._ilps[pad.pad].send}
            found.append(Controller(f"ILP {pad.pad}", pad.program, ilp, self.clock, self.counter, words))
        for pad in self._program.olps:
            olp: dict[str, Bank] = {"collect": self._olps[pad.pad].collect}
            found.append(Controller(f"OLP {pad.pad}", pad.program, olp, self.clock, self.counter, words))
        return found

    def _place_banks(self, site: Site) -> dict[str, Bank]:
        banks: dict[str, Bank] = {"mesh": lambda word: self._mesh.configure(site, word)}
        if site in self._tiles:
            tile, bank = self._tiles[site], self._banks[site]
            banks |= {"array": tile.set_array, "capacitors": bank.set_capacitors, "conversion": tile.convert}
        return banks

    def _write_at(self, step: int, load: Load, slices: torch.Tensor) -> None:
        ticks = torch.zeros((slices.shape[0], self._hardware.chip.wires), dtype=torch.int32)
        ticks[:, : load.stop - load.start] = slices
        pad = self._ilps[load.ilp]
        when = self._program.start_ns(step) * TICKS_PER_NS
        self.clock.at(when, HOST, lambda: pad.write(load.address, ticks))

    def _read(self, collect: Collect) -> torch.Tensor:
        turns = self._order.shape[1]
        found = self._olps[collect.olp].sram.get(collect.address, [])
        if len(found) != turns:
            raise HardwareError(
                f"OLP {collect.olp}: address {collect.address} was written {len(found)} times in {turns} frames",
                "The programs do not match the schedule",
            )
        step = 1 if collect.lane is Lane.ALL else 2
        first = int(collect.lane is Lane.ODD)
        columns = torch.arange(collect.columns) * step + first
        codes = torch.stack(found, dim=1)[:, :, columns].flatten(0, 1)
        by_frame = torch.empty((int(self._order.max()) + 1, collect.columns), dtype=torch.int32)
        by_frame[self._order.flatten()] = codes
        return by_frame


def _lanes(frames: int, pipelined: int) -> torch.Tensor:
    """Return which frame each lane executes in each turn, (L, P); the last frame fills up."""
    turns = min(frames, pipelined)
    lanes = -(-frames // turns)
    return torch.arange(lanes * turns).clamp_max(frames - 1).view(lanes, turns)


def _frame_count(frames: Mapping[str, torch.Tensor]) -> int:
    counts = {len(vector) for vector in frames.values()}
    if len(counts) != 1 or 0 in counts:
        raise InputError(f"frames: the vectors hold {sorted(counts)} frames", "Give all vectors the same number (> 0)")
    return counts.pop()


def _vector(frames: Mapping[str, torch.Tensor], load: Load) -> torch.Tensor:
    vector = frames.get(load.vector)
    if vector is None or vector.dim() != 2 or vector.shape[1] < load.stop:
        given = "missing" if vector is None else f"of shape {tuple(vector.shape)}"
        raise InputError(f"frames: vector {load.vector!r} is {given}; (F, {load.stop} or more) is needed")
    return vector[:, load.start : load.stop]
