"""What the mapper promises in numbers: capacities of the encodings, order of stacks, limits and their messages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pcmesh.errors import CapacityError, ConfigurationError, UnsupportedModelError
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding, Lane, LayerOptions, Mapping, map_network
from pcmesh.network import LayerGraph
from tests.networks import chain, fan_out, grid_chip

# Rows of 8-row tiles that one tile, and one bank of capacitors (two tiles), takes.
ROWS = {Encoding.AB: (8, 16), Encoding.PCM4: (8, 16), Encoding.PCM2: (16, 32)}


def mapped(sizes: tuple[int, ...], chip: ChipSpec | None = None, **options: Any) -> Mapping:
    return map_network(chain(sizes), chip or grid_chip(), {"fc0": LayerOptions(**options)} if options else None)


def stacks(mapping: Mapping, layer: str = "fc0") -> list[list[list[tuple[int, int] | None]]]:
    """Return, group by group and tile by tile, the rows on each device pair."""
    return [
        [
            [(b.row_start, b.row_stop) if b else None for b in (mapping.tiles[n].wp1, mapping.tiles[n].wp2)]
            for n in group.tiles
        ]
        for group in mapping.groups_of(layer)
    ]


def refused(kind: type[Exception], message: str, graph: LayerGraph, chip: ChipSpec, **options: Any) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        map_network(graph, chip, {"fc0": LayerOptions(**options)})


@pytest.mark.parametrize("encoding", Encoding)
def test_rows_that_a_tile_and_a_bank_take(encoding: Encoding) -> None:
    tile, bank = ROWS[encoding]
    for rows, sizes in ((tile, [1]), (tile + 1, [2]), (bank, [2]), (bank + 1, [2, 1]), (2 * bank, [2, 2])):
        mapping = mapped((rows, 8), encoding=encoding)
        assert [len(group.tiles) for group in mapping.groups] == sizes, rows
        assert mapping.layer("fc0").share_capacitors == (rows > tile)


def test_pairs_of_each_encoding() -> None:
    assert stacks(mapped((11, 4), encoding=Encoding.PCM2)) == [[[(0, 8), (8, 11)]]]
    assert stacks(mapped((8, 4), encoding=Encoding.PCM2)) == [[[(0, 8), None]]]
    assert stacks(mapped((11, 4), encoding=Encoding.PCM4)) == [[[(0, 8), (0, 8)], [(8, 11), (8, 11)]]]
    for encoding, sign in ((Encoding.AB, -1), (Encoding.PCM4, 1)):
        (tile,) = mapped((8, 4), encoding=encoding).tiles
        assert tile.wp2 is not None
        assert (tile.wp1.sign, tile.wp2.sign, tile.encoding) == (1, sign, encoding)


def test_devices_of_each_encoding() -> None:
    for encoding, devices in ((Encoding.PCM2, 2), (Encoding.PCM4, 4), (Encoding.AB, 4)):
        assert mapped((19, 11), encoding=encoding).devices == devices * 19 * 11


def test_stacks_go_from_north_to_south_unless_the_first_rows_shall_lie_south() -> None:
    plain = mapped((40, 16), first_rows_south={1})
    down = [[[(0, 8)] * 2, [(8, 16)] * 2], [[(16, 24)] * 2, [(24, 32)] * 2], [[(32, 40)] * 2]]
    up = [[[(32, 40)] * 2, [(24, 32)] * 2], [[(16, 24)] * 2, [(8, 16)] * 2], [[(0, 8)] * 2]]
    assert stacks(plain) == down + up
    assert [(g.column_start, g.column_stop) for g in plain.groups] == [(0, 8)] * 3 + [(8, 16)] * 3


def test_groups_and_tiles_are_numbered_as_they_come() -> None:
    mapping = map_network(chain((24, 12, 8), [False]), grid_chip())
    assert [group.index for group in mapping.groups] == list(range(5))
    assert [group.tiles for group in mapping.groups] == [(0, 1), (2,), (3, 4), (5,), (6, 7)]
    assert [tile.group for tile in mapping.tiles] == [0, 0, 1, 2, 2, 3, 4, 4]
    assert [(g.layer, g.column_start, g.column_stop) for g in mapping.groups] == [
        ("fc0", 0, 8),
        ("fc0", 0, 8),
        ("fc0", 8, 12),
        ("fc0", 8, 12),
        ("fc1", 0, 8),
    ]
    first, second = mapping.layers
    assert (first.layer, first.input, first.output, first.rows, first.columns) == ("fc0", "input", "out0", 24, 12)
    assert (second.layer, second.input, second.output, second.rows, second.columns) == ("fc1", "copy0", "out1", 12, 8)
    assert first.signed_input
    assert first.chip is None


def test_digital_sums_take_a_bank_for_each_tile_of_their_columns() -> None:
    mapping = mapped((16, 24), digital_sums={1})
    assert [len(group.tiles) for group in mapping.groups] == [2, 1, 1, 2]
    assert [group.column_start for group in mapping.groups] == [0, 8, 8, 16]
    apart = mapped((16, 24), share_capacitors=False)
    assert [len(group.tiles) for group in apart.groups] == [1] * 6
    assert not apart.layer("fc0").share_capacitors


@pytest.mark.parametrize(("tile", "rows_of_fc1"), [((16, 10), [(0, 10), (10, 20)]), ((10, 16), [(0, 10), (10, 20)])])
def test_vectors_that_stay_on_the_chip_are_cut_alike_on_both_sides(tile: tuple[int, int], rows_of_fc1: list) -> None:
    """By the smaller of a tile's rows and columns; what comes from or leaves the chip by the tile's own."""
    mapping = map_network(chain((16, 20, 16)), grid_chip(tile=tile))
    columns = sorted({(g.column_start, g.column_stop) for g in mapping.groups_of("fc0")})
    rows = sorted({(t.wp1.row_start, t.wp1.row_stop) for t in mapping.tiles if t.wp1.layer == "fc1"})
    assert columns == rows == rows_of_fc1
    firsts = {t.wp1.row_stop - t.wp1.row_start for t in mapping.tiles if t.wp1.layer == "fc0"}
    assert firsts == ({16} if tile[0] == 16 else {10, 6})
    lasts = {g.columns for g in mapping.groups_of("fc1")}
    assert lasts == ({10, 6} if tile[1] == 10 else {16})


def test_unsigned_inputs_are_known() -> None:
    mapping = map_network(fan_out(), grid_chip(tile=(16, 16)))
    assert {layer.layer: layer.signed_input for layer in mapping.layers} == {
        "fc0": True,
        "fc1": False,
        "fc2": False,
        "fc3": True,
    }


def test_only_the_last_column_block_has_a_lane() -> None:
    mapping = mapped((8, 20), lane=Lane.ODD)
    assert [group.lane for group in mapping.groups] == [Lane.ALL, Lane.ALL, Lane.ODD]


@pytest.mark.parametrize("columns", [5, 6, 7, 8, 13, 15, 16])
def test_a_lane_holds_half_of_the_columns(columns: int) -> None:
    refused(
        ConfigurationError,
        f"layer fc0: {(columns - 1) % 8 + 1} columns do not fit on the even columns of a tile (4). Use lane = all",
        chain((8, columns)),
        grid_chip(),
        lane=Lane.EVEN,
    )


@pytest.mark.parametrize("columns", [1, 3, 4, 9, 12])
def test_half_of_the_columns_fit_on_a_lane(columns: int) -> None:
    assert mapped((8, columns), lane=Lane.EVEN).groups[-1].lane is Lane.EVEN


def test_a_lane_counts_the_columns_of_its_own_block() -> None:
    chip = grid_chip(tile=(8, 10))
    assert mapped((8, 15), chip, lane=Lane.ODD).groups[-1].columns == 5
    assert mapped((8, 13), chip, lane=Lane.ODD).groups[-1].columns == 3


@pytest.mark.parametrize("name", ["digital_sums", "first_rows_south"])
@pytest.mark.parametrize(("block", "named"), [({3}, 3), ({-1, 0}, -1), ({0, 7, 5}, 5)])
def test_column_blocks_that_do_not_exist(name: str, block: set[int], named: int) -> None:
    message = f"layer fc0: {name} names column block {named}, the last one is 2"
    refused(ConfigurationError, message, chain((8, 20)), grid_chip(), **{name: block})
    assert mapped((8, 20), **{name: {0, 2}}).groups


def test_options_for_a_layer_that_does_not_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"^mapping options for unknown layer 'b'. Layers of chain: fc0, fc1$"):
        map_network(chain((8, 8, 8)), grid_chip(), {"x": LayerOptions(), "b": LayerOptions(), "fc0": LayerOptions()})


HAND_OVER = chain((8, 8, 8))


@pytest.mark.parametrize("longest", [(200, 255), (255, 200)])
def test_pulses_from_tile_to_tile_are_as_long_as_inputs(longest: tuple[int, int]) -> None:
    base = grid_chip()
    timing = base.timing.model_copy(update={"input_max_ns": longest[0], "output_max_ns": longest[1]})
    refused(
        ConfigurationError,
        f"layer fc0: its output pulses go from tile to tile, but timing.output_max_ns = {longest[1]} and "
        f"input_max_ns = {longest[0]}. Set both alike",
        HAND_OVER,
        base.model_copy(update={"timing": timing}),
    )


def test_what_goes_from_tile_to_tile_has_no_lane() -> None:
    refused(
        ConfigurationError,
        "layer fc0: lane = odd but its output stays on the chip",
        chain((8, 4, 8)),
        grid_chip(),
        lane=Lane.ODD,
    )


def test_signed_vectors_do_not_go_from_tile_to_tile() -> None:
    graph = chain((8, 8, 4), handed_over=[False])
    direct = [layer.model_copy(update={"input": "out0"}) if layer.name == "fc1" else layer for layer in graph.layers]
    refused(
        UnsupportedModelError,
        "layer fc0: its signed output feeds another layer's rows, and durations carry no sign. Put a ReLU, "
        "a hard sigmoid, a hard tanh or a digital operation between the two layers",
        LayerGraph("signed", graph.vectors, tuple(direct), (), graph.weights),
        grid_chip(),
    )


SPLIT = "share the capacitors of two tiles, or put a digital operation behind the layer"


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("options", [{}, {"share_capacitors": False}, {"digital_sums": {0}}])
def test_a_sum_that_goes_from_tile_to_tile_is_whole(encoding: Encoding, options: dict[str, Any]) -> None:
    tiles = 1 if options else 2
    most = ROWS[encoding][tiles - 1]
    mapping = mapped((most, 8, 4), encoding=encoding, **options)
    assert [len(group.tiles) for group in mapping.groups_of("fc0")] == [tiles]
    remedy = "Split the layer" if encoding is Encoding.PCM2 else "2-PCM holds twice the rows of a tile"
    refused(
        CapacityError,
        "layer fc0: its output goes from tile to tile, so its sum must be in one bank of capacitors; it needs "
        f"{tiles + 1} tiles, {tiles} can be summed ({most} rows in {encoding}). {remedy}, {SPLIT}",
        chain((most + 1, 8, 4)),
        grid_chip(),
        encoding=encoding,
        **options,
    )


@pytest.mark.parametrize(
    ("sizes", "options", "why"),
    [
        ((8, 8), {}, "AB, 1 row x 1 column blocks on 1 tiles"),
        ((16, 20), {}, "AB, 2 row x 3 column blocks on 6 tiles, shared capacitors"),
        ((17, 8), {}, "AB, 3 row x 1 column blocks on 3 tiles, shared capacitors (2 partial sums added digitally)"),
        ((32, 8), {}, "AB, 4 row x 1 column blocks on 4 tiles, shared capacitors (2 partial sums added digitally)"),
        ((40, 8), {}, "AB, 5 row x 1 column blocks on 5 tiles, shared capacitors (3 partial sums added digitally)"),
        (
            (40, 8),
            {"encoding": Encoding.PCM2},
            "2-PCM, 5 row x 1 column blocks on 3 tiles, shared capacitors (2 partial sums added digitally)",
        ),
        ((16, 8), {"share_capacitors": False}, "AB, 2 row x 1 column blocks on 2 tiles, summed digitally"),
        (
            (16, 24),
            {"digital_sums": {2, 0}},
            "AB, 2 row x 3 column blocks on 6 tiles, shared capacitors, column blocks 0, 2 summed digitally",
        ),
    ],
)
def test_why(sizes: tuple[int, ...], options: dict[str, Any], why: str) -> None:
    assert mapped(sizes, **options).layer("fc0").why == why


def test_tile_sizes_and_pins_are_kept() -> None:
    mapping = mapped((8, 8), chip=grid_chip(tile=(12, 10)), **{"encoding": Encoding.AB})
    assert (mapping.network, mapping.tile_rows, mapping.tile_columns) == ("chain", 12, 10)
    assert map_network(chain((8, 8)), grid_chip(), {"fc0": LayerOptions(chip=3)}).layer("fc0").chip == 3
