import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcmesh.errors import CapacityError, ConfigurationError, VerificationError
from pcmesh.hardware import Site, load_chip
from pcmesh.mapping import LayerOptions, map_network
from pcmesh.placement import Place, Placement, place
from pcmesh.placement.sites import choose_sites
from tests.networks import KWS_SIZES, chain, grid_chip, random_chips, random_networks, side_by_side


def test_kws_pair_is_vertical_and_the_answer_repeats():
    chip = load_chip()
    mapping = map_network(chain(KWS_SIZES), chip)
    placement = place(mapping, chip)
    north, south = (placement.places[tile].site for tile in mapping.groups[0].tiles)
    assert south == Site(north.row + 1, north.column)
    assert {entry.chip for entry in placement.places} == {0}
    choose_sites.cache_clear()
    assert place(mapping, chip) == placement


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_every_tile_gets_a_place_of_its_own(data):
    chip = data.draw(random_chips())
    graph, options = data.draw(random_networks(chip))
    try:
        mapping = map_network(graph, chip, options)
        placement = place(mapping, chip)
    except CapacityError:
        return
    placement.verify(mapping, chip)
    for layer in mapping.layers:  # who hands durations over is on the same chip
        chips = {placement.places[g.tiles[0]].chip for g in mapping.groups_of(layer.layer)}
        producers = {placement.places[g.tiles[0]].chip for g in mapping.producers(layer.layer)}
        assert not producers or producers == chips


def test_chips_fill_in_the_networks_order_without_splitting_layers():
    chip = grid_chip()
    mapping = map_network(side_by_side(3, 16, 16), chip)  # two pairs each: four tiles, a whole chip
    assert [place(mapping, chip).places[group.tiles[0]].chip for group in mapping.groups] == [0, 0, 1, 1, 2, 2]
    half = map_network(side_by_side(3, 16, 8), chip)
    assert [place(half, chip).places[group.tiles[0]].chip for group in half.groups] == [0, 0, 1]


def test_a_layer_larger_than_a_chip_is_split():
    chip = grid_chip()
    mapping = map_network(side_by_side(1, 16, 40), chip)
    assert [place(mapping, chip).places[group.tiles[0]].chip for group in mapping.groups] == [0, 0, 1, 1, 2]


def test_pins_are_obeyed():
    chip = grid_chip()
    mapping = map_network(side_by_side(2, 8, 8), chip, {"fc0": LayerOptions(chip=2)})
    assert [entry.chip for entry in place(mapping, chip).places] == [2, 0]


def test_an_over_full_chip_is_refused():
    chip = grid_chip()
    pinned = {f"fc{number}": LayerOptions(chip=0) for number in range(5)}
    mapping = map_network(side_by_side(5, 8, 8), chip, pinned)
    with pytest.raises(CapacityError, match=r"chip 0: with layer fc4 it needs 5 tiles.*a chip has 4 tiles"):
        place(mapping, chip)


def test_pairs_need_vertical_neighbours():
    chip = grid_chip(2, 2, gaps=[Site(0, 0), Site(1, 1)])
    with pytest.raises(CapacityError, match=r"1 pairs.*room for 0 pairs"):
        place(map_network(side_by_side(1, 16, 8), chip), chip)


def test_layers_that_hand_over_stay_together():
    chip = grid_chip()
    with pytest.raises(CapacityError, match="layers fc0, fc1 must be on one chip and need 6 tiles"):
        place(map_network(chain((16, 16, 8)), chip, {"fc1": LayerOptions(share_capacitors=False)}), chip)
    pins = {"fc0": LayerOptions(chip=0), "fc1": LayerOptions(chip=1)}
    with pytest.raises(ConfigurationError, match=r"fc0 and fc1 hand durations.*chips 0 and 1"):
        place(map_network(chain((8, 8, 8)), chip, pins), chip)


def test_verify_finds_a_wrong_place():
    chip = grid_chip()
    mapping = map_network(side_by_side(1, 16, 8), chip)
    side = Placement(places=(Place(chip=0, site=Site(0, 0)), Place(chip=0, site=Site(0, 1))))
    with pytest.raises(VerificationError, match="group 0: its tiles are not vertical neighbours"):
        side.verify(mapping, chip)
    twice = Placement(places=(Place(chip=0, site=Site(0, 0)), Place(chip=0, site=Site(0, 0))))
    with pytest.raises(VerificationError, match="two tiles have one place"):
        twice.verify(mapping, chip)
