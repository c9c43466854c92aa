from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcmesh.errors import CapacityError, VerificationError
from pcmesh.hardware import load_chip
from pcmesh.mapping import Encoding, Lane, LayerOptions, Mapping, map_network
from pcmesh.network import LayerGraph
from tests.networks import KWS_SIZES, chain, grid_chip, random_chips, random_networks

GOLDEN = Path(__file__).parents[1] / "golden" / "mapping"


def dump(mapping: Mapping) -> str:
    """Return a mapping as text: a line per layer, group and tile."""
    lines = []
    for layer in mapping.layers:
        lines.append(f"layer {layer.layer}: {layer.input} {layer.rows} -> {layer.output} {layer.columns}: {layer.why}")
        for group in mapping.groups_of(layer.layer):
            lines.append(f"  group {group.index}: columns {group.column_start}..{group.column_stop} {group.lane}")
            for index in group.tiles:
                tile = mapping.tiles[index]
                pairs = [
                    f"WP{pair} {'-' if block.sign < 0 else '+'}rows {block.row_start}..{block.row_stop}"
                    for pair, block in ((1, tile.wp1), (2, tile.wp2))
                    if block is not None
                ]
                phases = " ".join(f"{p.pairs}{p.polarity:+d}{p.part[:3]}" for p in mapping.phases(tile))
                lines.append(f"    tile {index}: {', '.join(pairs)}; {phases}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("name", "sizes", "tile", "options"),
    [
        ("kws", KWS_SIZES, (512, 512), {}),
        ("two_pcm", (60, 20), (16, 16), {"fc0": LayerOptions(encoding=Encoding.PCM2)}),
        ("digital_sums", (30, 40), (16, 16), {"fc0": LayerOptions(digital_sums=frozenset({0}), lane=Lane.ODD)}),
        ("stacked_other_way", (32, 32), (16, 16), {"fc0": LayerOptions(first_rows_south=frozenset({1}))}),
        ("narrow_columns", (16, 20, 4), (16, 10), {"fc1": LayerOptions(encoding=Encoding.PCM4)}),
    ],
)
def test_mapping_is_as_recorded(name, sizes, tile, options):
    mapping = map_network(chain(sizes), grid_chip(tile=tile), options)
    assert dump(mapping) == (GOLDEN / f"{name}.txt").read_text()


def test_kws_takes_the_papers_four_tiles():
    mapping = map_network(chain(KWS_SIZES), load_chip())
    assert [len(mapping.groups_of(f"fc{n}")) for n in range(3)] == [1, 1, 1]
    assert [len(group.tiles) for group in mapping.groups] == [2, 1, 1]
    assert mapping.devices == 4 * (1024 * 512 + 512 * 512 + 512 * 12)
    assert all(layer.encoding is Encoding.AB for layer in mapping.layers)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_every_weight_lands_once(data):
    chip = data.draw(random_chips())
    graph, options = data.draw(random_networks(chip))
    try:
        mapping = map_network(graph, chip, options)
    except CapacityError:
        return
    for layer in mapping.layers:
        expected = {Encoding.PCM2: ((0, 1),), Encoding.PCM4: ((2, 2),), Encoding.AB: ((0, 2),)}[layer.encoding]
        signed, plain = landed(graph, mapping, layer.layer)
        assert {(int(s), int(p)) for s, p in zip(signed.flat, plain.flat, strict=True)} <= {*expected, (1, 1)}
        assert plain.min() == plain.max()


def landed(graph: LayerGraph, mapping: Mapping, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each weight lies on a pair: the sum of signs, and the count."""
    signed, plain = (np.zeros(tuple(graph.weights[layer].shape), dtype=int) for _ in range(2))
    for tile in mapping.tiles:
        for block in (tile.wp1, tile.wp2):
            if block is not None and block.layer == layer:
                place = np.s_[block.row_start : block.row_stop, block.column_start : block.column_stop]
                signed[place] += block.sign
                plain[place] += 1
    return signed, plain


def test_a_sum_that_stays_on_chip_must_be_whole():
    with pytest.raises(CapacityError, match="needs 3 tiles, 2 can be summed"):
        map_network(chain((24, 8, 4)), grid_chip(), {"fc0": LayerOptions()})
    mapping = map_network(chain((24, 8, 4)), grid_chip(), {"fc0": LayerOptions(encoding=Encoding.PCM2)})
    assert len(mapping.groups_of("fc0")) == 1


def test_a_long_sum_that_leaves_the_chip_is_cut():
    mapping = map_network(chain((40, 8)), grid_chip())
    assert [len(group.tiles) for group in mapping.groups] == [2, 2, 1]
    assert all(mapping.is_partial(group) for group in mapping.groups)


def test_verify_finds_a_lost_and_a_doubled_block():
    mapping = map_network(chain((16, 8)), grid_chip(), {"fc0": LayerOptions(encoding=Encoding.PCM2)})
    tile = mapping.tiles[0]
    lost = mapping.model_copy(update={"tiles": (tile.model_copy(update={"wp2": None}),)})
    with pytest.raises(VerificationError, match="64 of 128 weights land"):
        lost.verify()
    doubled = mapping.model_copy(update={"tiles": (tile.model_copy(update={"wp2": tile.wp1}),)})
    with pytest.raises(VerificationError, match="land twice"):
        doubled.verify()
