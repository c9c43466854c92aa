"""The transport of durations over the whole chip: one ILP to all OLPs at once (paper: Fig. 2d and Methods,
"Measurement of reliable transmission of duration vectors"), by executing microcode.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

from pcmesh.errors import CapacityError, ConfigurationError
from pcmesh.execution.clocked import ClockedChip
from pcmesh.execution.hardware import ChipHardware
from pcmesh.hardware import ChipSpec, Site
from pcmesh.hardware.mesh import Guard, Mesh, Net, SideName
from pcmesh.mapping import Lane
from pcmesh.microcode import ChipProgram, Collect, Load, PadProgram, TileProgram
from pcmesh.microcode.slots import LISTEN, START, PadSlot, PlaceSlot, collect_word, open_guard, send_word
from pcmesh.microcode.timeline import Timeline
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.progress import Progress
from pcmesh.random import torch_generator
from pcmesh.routing import Hop, Side

VECTORS = 2048
RANGES_NS = (50, 100, 150, 200, 250)
SOURCE = "SW"
_VECTOR = "durations"


@dataclass(frozen=True)
class TransportRange:
    """Errors of durations drawn uniformly from 0 to `max_duration_ns`.

    Attributes:
        max_duration_ns: the longest duration.
        samples: durations sent; each is received by every OLP.
        max_error_ns, p99_error_ns: of the absolute error.
        cdf: (error in ns, share of the received durations whose absolute error is not larger).
    """

    max_duration_ns: int
    samples: int
    max_error_ns: float
    p99_error_ns: float
    cdf: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Wires:
    """Wires of one bus on which pulses arrived at an OLP after E-W wires, N-S wires and vias of their route."""

    east_west: int
    north_south: int
    vias: int


@dataclass(frozen=True)
class Transport:
    """The result: errors by range, borderguards from the ILP to each OLP, wires used, and the assumed parameters."""

    ranges: tuple[TransportRange, ...]
    hops: dict[str, int]
    wires: Wires
    parameters: dict[str, float]


def measure_transport(
    chip: ChipSpec,
    instance: Instance,
    vectors: int = VECTORS,
    ranges_ns: tuple[int, ...] = RANGES_NS,
    report: Progress | None = None,
) -> Transport:
    """Send random vectors from the south-west ILP to all OLPs and compare what is counted with what was sent.

    Errors come from the wires (width shift of every borderguard), from the clocks of the OLPs and from the jitter of
    the two edges; these are assumed figures of the chip, listed in the result.

    Args:
        chip: the chip.
        instance: which die.
        vectors: vectors sent for each range.
        ranges_ns: longest duration of each range.
        report: is told the stage, the ranges done and how many there are.

    Raises:
        ConfigurationError: a range exceeds the longest pulse.
        HardwareError: the chip refused to execute the microcode.
    """
    beyond = [limit for limit in ranges_ns if not 0 < limit <= chip.timing.input_max_ns]
    if beyond:
        raise ConfigurationError(
            f"durations up to {beyond[0]} ns; the longest pulse is {chip.timing.input_max_ns} ns",
            "Choose shorter ranges",
        )
    tree = multicast_tree(chip)
    engine = ClockedChip(ChipHardware(chip, instance, 0.0, {}), transport_program(chip, tree))
    measured: list[TransportRange] = []
    arrived: dict[int, int] = {}
    for number, limit in enumerate(ranges_ns):
        if report is not None:
            report("transport", number, len(ranges_ns))
        one, arrived = _measure(engine, limit, vectors)
        measured.append(one)
    parameters = {name: float(value) for name, value in chip.mesh.model_dump().items()}
    routes = _routes(chip, tree)
    hops = {pad.domain: len(routes[number]) for number, pad in enumerate(chip.grid.olps)}
    return Transport(tuple(measured), hops, _wires(routes, arrived), parameters)


def multicast_tree(chip: ChipSpec) -> tuple[Guard, ...]:
    """Return the borderguards of a shortest-path tree from the south-west ILP to all OLPs.

    Raises:
        CapacityError: the chip has no ILP of that name.
    """
    mesh = Mesh(chip.grid)
    source = mesh.pad(chip.grid.ilps[_source_pad(chip)])
    reached = _search(mesh, source)
    used: dict[Guard, None] = {}
    for pad in chip.grid.olps:
        net = mesh.pad(pad)
        while net != source:
            used[reached[net]] = None
            net = reached[net].source
    return tuple(used)


def transport_program(chip: ChipSpec, tree: tuple[Guard, ...]) -> ChipProgram:
    """Return the microcode: a mesh that stays as it is, an ILP that sends and OLPs that count in every time step."""
    step_ns, words = chip.timing.step_ns, chip.controller.sram_words
    mesh: dict[Site, dict[str, int]] = {}
    for guard in tree:
        hop = Hop(site=guard.site, side=Side(guard.side), direction=guard.direction)
        open_guard(mesh.setdefault(guard.site, {}), hop, Lane.ALL)

    def place(site: Site) -> TileProgram:
        line = Timeline([PlaceSlot(mesh=mesh[site])], (step_ns,), lambda b, s: s.words(b), PlaceSlot())
        return TileProgram(site=site, program=line.program(f"tile {tuple(site)}", words))

    def pad(number: int, slot: PadSlot) -> PadProgram:
        line = Timeline([slot], (step_ns,), lambda b, s: s.words(b), PadSlot())
        return PadProgram(pad=number, program=line.program(f"landing pad {number}", words))

    source = _source_pad(chip)
    count = PadSlot(LISTEN, collect_word(0, step_ns, ("even", "odd")))
    olps = range(len(chip.grid.olps))
    return ChipProgram(
        chip=0,
        slots_ns=(step_ns,),
        steps=1,
        tiles=tuple(place(site) for site in sorted(mesh)),
        ilps=(pad(source, PadSlot(START, send_word(0, "positive"))),),
        olps=tuple(pad(number, count) for number in olps),
        loads=(Load(ilp=source, address=0, vector=_VECTOR, start=0, stop=chip.wires, step=0),),
        collects=tuple(
            Collect(olp=number, address=0, group=number, columns=chip.wires, lane=Lane.ALL, step=0) for number in olps
        ),
    )


def _measure(engine: ClockedChip, limit: int, vectors: int) -> tuple[TransportRange, dict[int, int]]:
    """Return the errors of one range, and on how many wires every long pulse arrived at each OLP."""
    chip, instance = engine.hardware.chip, engine.hardware.instance
    generator = torch_generator(instance.seed, "read", "transport", instance.number, limit)
    sent_ns = torch.randint(0, limit + 1, (vectors, chip.wires), generator=generator)
    # Both edges jitter; a width cannot tell which of them did, so the jitter of the pair goes with the pulse sent.
    jitter = torch.randn(sent_ns.shape, generator=generator) * (2**0.5 * chip.mesh.jitter_ns * TICKS_PER_NS)
    ticks = (sent_ns * TICKS_PER_NS + torch.round(jitter)).clamp_min(0) * (sent_ns > 0)
    codes = engine.run({_VECTOR: ticks.to(torch.int32)}, noise=False).codes
    step = chip.timing.output_step_ns
    errors = torch.stack([(codes[olp] * step - sent_ns).abs() for olp in sorted(codes)]).flatten().to(torch.float64)
    values, counts = torch.unique(errors, return_counts=True)
    shares = counts.cumsum(0) / errors.numel()
    long = sent_ns > limit / 2
    arrived = {olp: int(((codes[olp] > 0) | ~long).all(0).sum()) for olp in codes}
    found = TransportRange(
        max_duration_ns=limit,
        samples=sent_ns.numel(),
        max_error_ns=float(values[-1]),
        p99_error_ns=float(values[int((shares >= 0.99).to(torch.int32).argmax())]),
        cdf=tuple(zip(values.tolist(), shares.tolist(), strict=True)),
    )
    return found, arrived


def _source_pad(chip: ChipSpec) -> int:
    names = [pad.domain for pad in chip.grid.ilps]
    if SOURCE not in names:
        raise CapacityError(f"the chip has no ILP {SOURCE!r} (it has {', '.join(names)})", "Name one of the pads SW")
    return names.index(SOURCE)


def _search(mesh: Mesh, source: Net) -> dict[Net, Guard]:
    """Return, for every net that can be reached, the borderguard that drives it on a shortest way."""
    reached: dict[Net, Guard] = {}
    queue = deque([source])
    while queue:
        for guard in mesh.listeners[queue.popleft()]:
            if guard.target not in reached and guard.target != source:
                reached[guard.target] = guard
                queue.append(guard.target)
    return reached


def _routes(chip: ChipSpec, tree: tuple[Guard, ...]) -> dict[int, list[Guard]]:
    """Return the borderguards from the ILP to each OLP, in their order."""
    mesh = Mesh(chip.grid)
    drivers = {guard.target: guard for guard in tree}

    def route(net: Net) -> list[Guard]:
        return [*route(drivers[net].source), drivers[net]] if net in drivers else []

    return {number: route(mesh.pad(pad)) for number, pad in enumerate(chip.grid.olps)}


def _wires(routes: dict[int, list[Guard]], arrived: dict[int, int]) -> Wires:
    """Count by what the routes cross: a pulse that enters a place from W or E and leaves to N or S took a via."""

    def most(crosses: Callable[[list[SideName]], bool]) -> int:
        sides = {olp: [guard.side for guard in route] for olp, route in routes.items()}
        return max((arrived[olp] for olp, crossed in sides.items() if crosses(crossed)), default=0)

    def turns(sides: list[SideName]) -> bool:
        return any((one in "WE") != (other in "WE") for one, other in zip(sides[::2], sides[1::2], strict=True))

    return Wires(
        east_west=most(lambda sides: any(side in "WE" for side in sides)),
        north_south=most(lambda sides: any(side in "NS" for side in sides)),
        vias=most(turns),
    )
