from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcmesh.errors import CapacityError
from pcmesh.hardware import ChipSpec, PadSpec, load_chip
from pcmesh.mapping import Encoding, Lane, LayerOptions, Mapping, map_network
from pcmesh.network import LayerGraph
from pcmesh.placement import Placement, place
from pcmesh.routing import ChipSchedule, Routing, Side, Step, route, wire_use
from tests.networks import KWS_SIZES, chain, fan_out, grid_chip, random_chips, random_networks, side_by_side

GOLDEN = Path(__file__).parents[1] / "golden" / "routing"
TWO_PADS = (
    PadSpec(domain="W", edge="west", ilp_row=0, olp_row=1),
    PadSpec(domain="E", edge="east", ilp_row=0, olp_row=1),
)


def compile_graph(
    graph: LayerGraph, chip: ChipSpec, options: dict[str, LayerOptions] | None = None
) -> tuple[Mapping, Placement, Routing]:
    mapping = map_network(graph, chip, options)
    placement = place(mapping, chip)
    return mapping, placement, route(mapping, placement, graph, chip)


def dump(schedule: ChipSchedule, placement: Placement) -> str:
    """Return a schedule as text: what goes where in which step; not the sites and ways, which the solver chooses."""
    tile_at = {entry.site: index for index, entry in enumerate(placement.places) if entry.chip == schedule.chip}
    lines = [f"interval {schedule.interval_steps}"]
    for number, step in enumerate(schedule.steps):
        lines.append(f"step {number + 1}")
        for transfer in step.transfers:
            if transfer.operand is not None:
                operand = transfer.operand
                source = f"{operand.vector}[{operand.start}:{operand.stop}] {operand.part}"
            else:
                source = f"group {transfer.group} {transfer.lane}"
            ends = "OLP" if transfer.olp is not None else f"tiles {sorted(tile_at[s] for s in transfer.rows_of)}"
            lines.append(f"  {source} -> {ends}")
        lines += [
            f"  tile {entry.tile} integrates on {entry.phase.pairs}, {entry.phase.polarity:+d}"
            for entry in step.integrations
        ]
        lines += [f"  group {readout.group} is read, {readout.activation}" for readout in step.readouts]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def kws() -> tuple[LayerGraph, Mapping, Placement, Routing]:
    graph = chain(KWS_SIZES)
    return graph, *compile_graph(graph, load_chip())


def test_kws_takes_eight_steps_a_frame(kws):
    _, _, placement, routing = kws
    (schedule,) = routing.chips
    assert (schedule.interval_steps, schedule.integration_steps, schedule.output_slots) == (8, 8, 1)
    assert len(schedule.steps) == 9  # the output overlaps the first step of the next frame
    assert dump(schedule, placement) == (GOLDEN / "kws.txt").read_text()


def test_operands_keep_their_ways_over_the_phases(kws):
    (schedule,) = kws[3].chips
    ways = [{(t.ilp, t.hops) for t in step.transfers} for step in schedule.steps[:4]]
    assert ways[0] == ways[1] == ways[2] == ways[3]


@pytest.mark.parametrize(
    ("name", "graph", "pads", "options"),
    [
        ("concatenation", side_by_side(2, 8, 4), None, {"fc0": {"lane": Lane.EVEN}, "fc1": {"lane": Lane.ODD}}),
        ("one_pad_for_two_vectors", side_by_side(1, 16, 8), None, {}),
        ("digital_sum", chain((16, 8)), TWO_PADS, {"fc0": {"share_capacitors": False}}),
        ("two_banks_to_two_tiles", chain((8, 16, 8)), TWO_PADS, {}),
        ("fan_out", fan_out(), TWO_PADS, {"fc2": {"encoding": Encoding.PCM4}}),
    ],
)
def test_schedule_is_as_recorded(name, graph, pads, options):
    chip = grid_chip(4, 4, pads=pads)
    made = {layer: LayerOptions(**changes) for layer, changes in options.items()}
    _, placement, routing = compile_graph(graph, chip, made)
    assert dump(routing.chips[0], placement) == (GOLDEN / f"{name}.txt").read_text()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_network_that_is_placed_is_routed(data):
    chip = data.draw(random_chips())
    graph, options = data.draw(random_networks(chip))
    try:
        mapping = map_network(graph, chip, options)
        placement = place(mapping, chip)
    except CapacityError:
        return
    routing = route(mapping, placement, graph, chip)  # verifies itself: connections, drivers, operands, outputs
    for schedule in routing.chips:
        for step in schedule.steps:
            assert_no_contention(step)
        used = wire_use(schedule, chip)
        assert all(0 < use.wire_segments <= use.wire_segments_available for use in used)


def assert_no_contention(step: Step) -> None:
    """Check with the geometry written out anew that no wire has two drivers."""
    driven: dict[tuple[str, float, float], list[Lane]] = {}
    for transfer in step.transfers:
        for hop in transfer.hops:
            down, right = {Side.NORTH: (-0.5, 0), Side.SOUTH: (0.5, 0), Side.WEST: (0, -0.5), Side.EAST: (0, 0.5)}[
                hop.side
            ]
            where = (0, 0) if hop.direction == "in" else (down, right)
            net = ("net", hop.site.row + where[0], hop.site.column + where[1])
            others = driven.setdefault(net, [])
            assert not others or Lane.ALL not in (*others, transfer.lane)
            assert transfer.lane not in others
            others.append(transfer.lane)


def test_few_pads_cost_steps_not_an_error():
    graph = side_by_side(2, 16, 8)
    _, _, one = compile_graph(graph, grid_chip())
    _, _, two = compile_graph(graph, grid_chip(pads=TWO_PADS))
    assert (one.chips[0].integration_steps, one.chips[0].output_slots) == (16, 2)
    assert (two.chips[0].integration_steps, two.chips[0].output_slots) == (8, 1)


def test_a_vector_cannot_come_from_another_chip():
    graph = chain((8, 8, 8))
    chip = grid_chip()
    mapping = map_network(graph, chip)
    placement = place(mapping, chip)
    moved = tuple(entry.model_copy(update={"chip": number}) for number, entry in enumerate(placement.places))
    with pytest.raises(CapacityError, match="layer fc1 takes durations from layer fc0, which is on another chip"):
        route(mapping, Placement(places=moved), graph, chip)
