"""Every rule of the mesh, on schedules written by hand: what keeps it passes, what breaks it is named."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pcmesh.errors import VerificationError
from pcmesh.hardware import ChipSpec, PadSpec, Site
from pcmesh.mapping import Encoding, Lane, LayerOptions, Mapping, Phase, map_network
from pcmesh.network import DigitalOperation, LayerGraph
from pcmesh.placement import Place, Placement
from pcmesh.routing import ChipSchedule, GroupReadout, Hop, Integration, Operand, Routing, Side, Step, Transfer
from pcmesh.routing.verify import verify_routing
from tests.networks import chain, grid_chip, side_by_side

PADS = (
    PadSpec(domain="W", edge="west", ilp_row=0, olp_row=1),
    PadSpec(domain="E", edge="east", ilp_row=0, olp_row=1),
)
CHIP = grid_chip(3, 3, pads=PADS)
FIRST, SECOND, THIRD = Site(0, 2), Site(1, 2), Site(2, 2)


def hops(text: str) -> tuple[Hop, ...]:
    """Return hops of a text like `02Ein 02Wout`: row, column, side, direction."""
    return tuple(
        Hop(site=Site(int(word[0]), int(word[1])), side=Side(word[2]), direction=word[3:])  # type: ignore[arg-type]
        for word in text.split()
    )


def sent(ilp: int, start: int, stop: int, part: str, way: str, *rows_of: Site, vector: str = "input") -> Transfer:
    operand = Operand(vector=vector, start=start, stop=stop, part=part)  # type: ignore[arg-type]
    return Transfer(ilp=ilp, operand=operand, hops=hops(way), rows_of=rows_of)


def integrates(tile: int, site: Site, pair: int, polarity: int, part: str) -> Integration:
    return Integration(tile=tile, site=site, phase=Phase((pair,), polarity, part))  # type: ignore[arg-type]


# 24 inputs in 2-PCM on two tiles that share a bank (the first holds rows 0..16 on both pairs), whose ReLU goes to a
# third tile in AB; that one's output leaves while the next frame begins.
GRAPH = chain((24, 8, 4))
MAPPING = map_network(GRAPH, CHIP, {"fc0": LayerOptions(encoding=Encoding.PCM2)})
PLACES = tuple(Place(chip=0, site=site) for site in (FIRST, SECOND, THIRD))
FROM_EAST, FROM_WEST = "02Ein 02Wout", "00Win 00Eout 01Win 01Sout 11Nin 11Eout"
HAND_OVER = Transfer(group=0, hops=hops("22Nin 22Wout"), rows_of=(THIRD,))
OUTPUT = Transfer(group=1, hops=hops("22Sin 22Nout 12Sin 12Eout"), olp=1)
HAND_OVER_READ = GroupReadout(group=0, site=SECOND, activation="relu")
OUTPUT_READ = GroupReadout(group=1, site=THIRD, activation="linear")
STEPS = (
    Step(
        transfers=(sent(1, 0, 8, "positive", FROM_EAST, FIRST), sent(0, 16, 24, "positive", FROM_WEST, SECOND)),
        integrations=(integrates(0, FIRST, 1, 1, "positive"), integrates(1, SECOND, 1, 1, "positive")),
    ),
    Step(
        transfers=(sent(1, 0, 8, "negative", FROM_EAST, FIRST), sent(0, 16, 24, "negative", FROM_WEST, SECOND)),
        integrations=(integrates(0, FIRST, 1, -1, "negative"), integrates(1, SECOND, 1, -1, "negative")),
    ),
    Step(
        transfers=(sent(1, 8, 16, "positive", FROM_EAST, FIRST),),
        integrations=(integrates(0, FIRST, 2, 1, "positive"),),
    ),
    Step(
        transfers=(sent(1, 8, 16, "negative", FROM_EAST, FIRST),),
        integrations=(integrates(0, FIRST, 2, -1, "negative"),),
    ),
    Step(
        transfers=(HAND_OVER,),
        integrations=(integrates(2, THIRD, 1, 1, "positive"),),
        readouts=(HAND_OVER_READ,),
    ),
    Step(
        transfers=(HAND_OVER,),
        integrations=(integrates(2, THIRD, 2, -1, "positive"),),
        readouts=(HAND_OVER_READ,),
    ),
    Step(transfers=(OUTPUT,), readouts=(OUTPUT_READ,)),
)
SCHEDULE = ChipSchedule(chip=0, steps=STEPS, interval_steps=6)


def verify(schedule: ChipSchedule, graph: LayerGraph = GRAPH, places: tuple[Place, ...] = PLACES) -> None:
    verify_routing(Routing(chips=(schedule,)), MAPPING, Placement(places=places), graph, CHIP)


def step(number: int, **changes: object) -> ChipSchedule:
    """Return the schedule with one step (from 1, as messages count) changed."""
    steps = list(STEPS)
    steps[number - 1] = steps[number - 1].model_copy(update=changes)
    return SCHEDULE.model_copy(update={"steps": tuple(steps)})


def transfer(number: int, index: int = 0, **changes: object) -> ChipSchedule:
    """Return the schedule with one transfer of a step changed."""
    found = list(STEPS[number - 1].transfers)
    found[index] = found[index].model_copy(update=changes)
    return step(number, transfers=tuple(found))


def halves(whole: Transfer) -> tuple[Transfer, Transfer]:
    """Return a transfer as two, one on the even wires and one on the odd."""
    even, odd = (whole.model_copy(update={"lane": lane}) for lane in (Lane.EVEN, Lane.ODD))
    return even, odd


def test_a_schedule_that_keeps_all_rules_passes() -> None:
    verify(SCHEDULE)


def test_frames_may_follow_without_overlap() -> None:
    verify(SCHEDULE.model_copy(update={"interval_steps": len(STEPS)}))


@pytest.mark.parametrize("interval", [-1, 0, 8])
def test_intervals_that_are_none(interval: int) -> None:
    refused(f"chip 0: interval of {interval} steps", SCHEDULE.model_copy(update={"interval_steps": interval}))


def refused(message: str, schedule: ChipSchedule) -> None:
    with pytest.raises(VerificationError, match=f"^{re.escape(message)}"):
        verify(schedule)


INPUT = STEPS[0].transfers[0]
WIRES: dict[str, Callable[[], ChipSchedule]] = {
    "chip 0, step 1: hop in S at (1, 1) is not connected to its source": lambda: transfer(
        1, 0, hops=(*INPUT.hops, *hops("11Sin"))
    ),
    "chip 0, step 1: hop out W at (0, 2) is not connected to its source": lambda: transfer(
        1, 0, hops=hops("02Wout 02Ein")
    ),
    "chip 0, step 3: hop in E at (3, 0) is outside the grid": lambda: transfer(
        3, 0, hops=(*INPUT.hops, *hops("30Ein"))[::-1]
    ),
    "chip 0, step 1: a vector does not reach the rows of (0, 2)": lambda: transfer(1, 0, hops=hops("02Ein")),
    "chip 0, step 1: a vector does not reach OLP 0": lambda: step(7, transfers=(OUTPUT.model_copy(update={"olp": 0}),)),
    "chip 0, step 1: no OLP 2": lambda: transfer(7, 0, olp=2),
    "chip 0, step 1: no OLP -1": lambda: transfer(7, 0, olp=-1),
    "chip 0, step 4: no ILP 2": lambda: transfer(4, 0, ilp=2),
    "chip 0, step 4: no ILP -1": lambda: transfer(4, 0, ilp=-1),
    "chip 0, step 4: a transfer has two sources": lambda: transfer(4, 0, group=0),
    "chip 0, step 2: a transfer has two sources": lambda: transfer(2, 0, operand=None),
    "chip 0, step 5: a transfer has no source": lambda: transfer(5, 0, group=None),
    "chip 0, step 6: a transfer has no source": lambda: transfer(6, 0, operand=INPUT.operand),
    "chip 0, step 1: 2 drivers on the even wires of ('centre', 0, 2)": lambda: transfer(
        1, 0, hops=(*INPUT.hops, INPUT.hops[0])
    ),
    "chip 0, step 3: 2 drivers on the odd wires of ('west', 0, 3)": lambda: step(
        3, transfers=(*STEPS[2].transfers, halves(INPUT)[1].model_copy(update={"hops": (), "rows_of": ()}))
    ),
    "chip 0, step 3: ILP 1 drives 2 vectors": lambda: step(3, transfers=halves(STEPS[2].transfers[0])),
    "chip 0, step 1: 2 drivers on the even wires of ('west', 0, 3) ": lambda: SCHEDULE.model_copy(
        update={"interval_steps": 3}
    ),
}


@pytest.mark.parametrize("message", WIRES)
def test_wires(message: str) -> None:
    refused(message.strip(), WIRES[message]())


def phases(*found: tuple[int, int, str]) -> str:
    return str([Phase((pair,), polarity, part) for pair, polarity, part in found])  # type: ignore[arg-type]


SIGNED = ((1, 1, "positive"), (1, -1, "negative"))
INTEGRATIONS: dict[str, Callable[[], ChipSchedule]] = {
    "chip 0, step 5: tile 2 is not at Site(row=1, column=2)": lambda: step(
        5, integrations=(integrates(2, SECOND, 1, 1, "positive"),)
    ),
    "chip 0, step 5: tile 2 is not at Site(row=0, column=2)": lambda: step(
        5, integrations=(integrates(2, FIRST, 1, 1, "positive"),)
    ),
    "chip 0, step 3: tile 1 has nothing on pair (2,)": lambda: step(
        3, integrations=(integrates(1, SECOND, 2, 1, "positive"),)
    ),
    "chip 0, step 2: 0 vectors arrive at the rows of tile 0": lambda: step(2, transfers=STEPS[1].transfers[1:]),
    "chip 0, step 5: 2 vectors arrive at the rows of tile 2": lambda: step(5, transfers=halves(HAND_OVER)),
    "chip 0, step 4: tile 0 gets ('input', 8, 16, 'positive'), expected ('input', 8, 16, 'negative')": lambda: step(
        4, transfers=STEPS[2].transfers
    ),
    "chip 0, step 3: tile 0 gets ('input', 0, 8, 'positive'), expected ('input', 8, 16, 'positive')": lambda: step(
        3, transfers=(INPUT,)
    ),
    "chip 0, step 1: tile 0 gets ('other', 0, 8, 'positive'), expected ('input', 0, 8, 'positive')": lambda: step(
        1, transfers=(sent(1, 0, 8, "positive", FROM_EAST, FIRST, vector="other"), STEPS[0].transfers[1])
    ),
    "chip 0, step 6: tile 2 gets ('out0', 0, 8, 'positive'), expected ('out0', 0, 8, 'negative')": lambda: step(
        6, integrations=(integrates(2, THIRD, 2, -1, "negative"),)
    ),
    f"tile 1: phases {phases(SIGNED[0])}, expected {phases(*SIGNED)}": lambda: step(
        2, integrations=STEPS[1].integrations[:1]
    ),
    f"tile 2: phases {phases((1, 1, 'positive'), (2, 1, 'positive'))}, expected "
    f"{phases((1, 1, 'positive'), (2, -1, 'positive'))}": lambda: step(
        6, integrations=(integrates(2, THIRD, 2, 1, "positive"),)
    ),
}


@pytest.mark.parametrize("message", INTEGRATIONS)
def test_integrations(message: str) -> None:
    refused(message, INTEGRATIONS[message]())


READOUTS: dict[str, Callable[[], ChipSchedule]] = {
    "chip 0, step 5: banks [] are read, [0] drive the mesh": lambda: step(5, readouts=()),
    "chip 0, step 4: banks [1] are read, [] drive the mesh": lambda: step(4, readouts=(OUTPUT_READ,)),
    "chip 0, step 6: the bank of group 0 is elsewhere": lambda: step(
        6, readouts=(HAND_OVER_READ.model_copy(update={"site": FIRST}),)
    ),
    "chip 0, step 4: group 0 is read before it is complete": lambda: step(
        4, transfers=(*STEPS[3].transfers, HAND_OVER), readouts=(HAND_OVER_READ,)
    ),
    "chip 0, step 2: group 0 is read before it is complete": lambda: step(
        2, transfers=(*STEPS[1].transfers, HAND_OVER), readouts=(HAND_OVER_READ,)
    ),
    "chip 0, step 6: group 0 is read after its next frame has begun": lambda: SCHEDULE.model_copy(
        update={"interval_steps": 5}
    ),
    "group 1: collected 0 times, expected 1": lambda: step(7, transfers=(), readouts=()),
    "group 1: collected 2 times, expected 1": lambda: SCHEDULE.model_copy(
        update={"steps": (*STEPS, STEPS[-1]), "interval_steps": 8}
    ),
}


@pytest.mark.parametrize("message", READOUTS)
def test_readouts(message: str) -> None:
    refused(message, READOUTS[message]())


def test_a_vector_that_digital_work_takes_is_collected_although_a_tile_takes_it_too() -> None:
    watch = DigitalOperation(name="watch", kind="copy", inputs=("out0",), outputs=(), operations=0)
    watched = LayerGraph(GRAPH.name, GRAPH.vectors, GRAPH.layers, (watch,), GRAPH.weights)
    with pytest.raises(VerificationError, match=r"^group 0: collected 0 times, expected 1"):
        verify(SCHEDULE, watched)


def test_a_vector_that_only_tiles_take_is_not_collected() -> None:
    leaves = OUTPUT.model_copy(update={"group": 0, "hops": hops("12Sin 12Eout")})
    steps = (*STEPS[:4], Step(transfers=(leaves,), readouts=(HAND_OVER_READ,)), *STEPS[4:])
    with pytest.raises(VerificationError, match=r"^group 0: collected 1 times, expected 0"):
        verify(SCHEDULE.model_copy(update={"steps": steps, "interval_steps": 8}))


@pytest.mark.parametrize(("tile", "group"), [(1, 0), (2, 1)])
def test_a_bank_on_another_chip_drives_nothing_here(tile: int, group: int) -> None:
    places = list(PLACES)
    places[tile] = Place(chip=1, site=PLACES[tile].site)
    own = [
        one.model_copy(update={"integrations": tuple(i for i in one.integrations if i.tile != tile)}) for one in STEPS
    ]
    with pytest.raises(VerificationError, match=f"^chip 0: group {group} is on another chip"):
        verify(SCHEDULE.model_copy(update={"steps": tuple(own)}), places=tuple(places))


def test_a_chip_has_the_tiles_that_are_placed_on_it() -> None:
    places = tuple(Place(chip=0 if tile == 2 else 1, site=place.site) for tile, place in enumerate(PLACES))
    with pytest.raises(VerificationError, match=r"^chip 1: group 1 is on another chip"):
        verify(SCHEDULE.model_copy(update={"chip": 1}), places=places)


# Two layers whose narrow outputs share an OLP: one on the even, one on the odd wires.
LANES_CHIP = grid_chip(2, 2, pads=PADS)
LANES_GRAPH = side_by_side(2, 8, 4)
LANES: Mapping = map_network(
    LANES_GRAPH, LANES_CHIP, {"fc0": LayerOptions(lane=Lane.EVEN), "fc1": LayerOptions(lane=Lane.ODD)}
)
LEFT, RIGHT = Site(0, 0), Site(0, 1)
AB_PHASES = ((1, 1, "positive"), (1, -1, "negative"), (2, 1, "negative"), (2, -1, "positive"))


def lanes_schedule(lane: Lane = Lane.ODD) -> ChipSchedule:
    steps = [
        Step(
            transfers=(
                sent(0, 0, 8, part, "", LEFT, vector="x0"),
                sent(1, 0, 8, part, "01Ein 01Wout", RIGHT, vector="x1"),
            ),
            integrations=(integrates(0, LEFT, pair, sign, part), integrates(1, RIGHT, pair, sign, part)),
        )
        for pair, sign, part in AB_PHASES
    ]
    steps.append(
        Step(
            transfers=(
                Transfer(group=0, lane=Lane.EVEN, hops=hops("10Nin 10Wout"), olp=0),
                Transfer(group=1, lane=lane, hops=hops("11Nin 11Wout 10Ein 10Wout"), olp=0),
            ),
            readouts=(
                GroupReadout(group=0, site=LEFT, activation="linear"),
                GroupReadout(group=1, site=RIGHT, activation="linear"),
            ),
        )
    )
    return ChipSchedule(chip=0, steps=tuple(steps), interval_steps=5)


def verify_lanes(schedule: ChipSchedule, chip: ChipSpec = LANES_CHIP) -> None:
    places = tuple(Place(chip=0, site=site) for site in (LEFT, RIGHT))
    verify_routing(Routing(chips=(schedule,)), LANES, Placement(places=places), LANES_GRAPH, chip)


def test_an_even_and_an_odd_vector_share_wires_and_a_pad() -> None:
    verify_lanes(lanes_schedule())


@pytest.mark.parametrize("lane", [Lane.EVEN, Lane.ALL])
def test_two_vectors_on_the_same_wires(lane: Lane) -> None:
    message = r"^chip 0, step 5: 2 drivers on the even wires of \('centre', 1, 0\)"
    with pytest.raises(VerificationError, match=message):
        verify_lanes(lanes_schedule(lane))


@pytest.mark.parametrize("late", [1, 2])
def test_a_bank_is_read_before_its_next_frame_begins(late: int) -> None:
    schedule = lanes_schedule()
    steps = (*schedule.steps[:4], *[Step()] * late, schedule.steps[4])
    verify_lanes(schedule.model_copy(update={"steps": steps, "interval_steps": 5 + late}))
    with pytest.raises(VerificationError, match=rf"^chip 0, step {5 + late}: group 0 is read after its next frame"):
        verify_lanes(schedule.model_copy(update={"steps": steps, "interval_steps": 4 if late == 2 else 5}))
