"""The paper's figures for the RNN-T, all computed: facts of Fig. 4, Methods and Extended Data Figs. 5 and 7."""

import pytest
import torch

from pcmesh.errors import ConfigurationError, InputError
from pcmesh.hardware import load_chip
from pcmesh.mapping import Encoding, Lane, Mapping, map_network
from pcmesh.placement import place
from pcmesh.routing import Routing, route
from pcmesh.workloads.rnnt import RnntWidths, expansion_matrix, paper_options, random_weights, rnnt_graph

NARROW = RnntWidths(
    features=12, encoder=32, prediction=10, joint=16, labels=5, input_copies=2, embedding_copies=3, stack=2
)


@pytest.fixture(scope="module")
def paper() -> tuple[Mapping, Routing]:
    chip, widths = load_chip(), RnntWidths()
    graph = rnnt_graph(widths, {key: torch.zeros(shape) for key, shape in widths.shapes().items()})
    mapping = map_network(graph, chip, paper_options(widths, chip))
    placement = place(mapping, chip)
    tiles = [sum(entry.chip == number for entry in placement.places) for number in range(placement.chips)]
    assert tiles == [32, 32, 32, 33, 13]
    return mapping, route(mapping, placement, graph, chip)


def test_142_tiles_and_141_million_devices(paper):
    mapping, _ = paper
    assert len(mapping.tiles) == 142
    assert mapping.devices == 141_078_528
    assert RnntWidths().mapped_weights == 45_261_568


def test_expansion_takes_the_same_tiles_and_more_devices():
    chip, widths = load_chip(), RnntWidths(expand=1024)
    graph = rnnt_graph(widths, random_weights(widths))
    mapping = map_network(graph, chip, paper_options(widths, chip))
    assert (len(mapping.tiles), mapping.devices) == (142, 142_127_104)


def test_steps_and_slots_of_the_paper(paper):
    _, routing = paper
    assert [chip.integration_steps for chip in routing.chips] == [4, 4, 4, 4, 4]
    assert [chip.output_slots for chip in routing.chips] == [3, 3, 3, 3, 1]
    assert [chip.interval_steps for chip in routing.chips] == [7, 7, 7, 7, 5]
    step_ns = load_chip().timing.step_ns
    assert [step_ns * len(chip.steps) for chip in routing.chips] == [2100, 2100, 2100, 2100, 1500]


def test_output_vectors_of_the_paper(paper):
    mapping, routing = paper
    vectors = [sum(t.olp is not None for s in chip.steps for t in s.transfers) for chip in routing.chips]
    assert vectors == [18, 18, 18, 17, 7]
    shared = [t for t in routing.chips[4].steps[4].transfers if t.lane is not Lane.ALL]
    assert [t.lane for t in shared] == [Lane.EVEN, Lane.ODD]
    assert len({t.olp for t in shared}) == 1  # two half-filled tiles leave through one landing pad
    assert len(mapping.groups) == 78


def test_encodings_of_the_paper(paper):
    mapping, _ = paper
    dense = {layer.layer for layer in mapping.layers if layer.encoding is Encoding.PCM2}
    assert dense == {"enc-lstm2-wx", "enc-lstm3", "enc-lstm4", "enc-fc"}
    assert all(layer.encoding in (Encoding.AB, Encoding.PCM2) for layer in mapping.layers)
    digital = {g.layer for g in mapping.groups if mapping.is_partial(g)}
    assert digital == {"enc-lstm0-wx", "enc-lstm1-wx", "enc-lstm2-wx"}


@pytest.mark.parametrize("expand", [None, 40])
def test_copies_and_expansion_leave_the_product_as_it_is(expand):
    widths = NARROW.model_copy(update={"expand": expand})
    weights = random_weights(widths, seed=3)
    graph = rnnt_graph(widths, weights)
    x = torch.randn(widths.features, generator=torch.Generator().manual_seed(0))
    rows = expansion_matrix(widths) @ x if expand else x.repeat(widths.input_copies)
    exact = weights["encoder.pre_rnn.lstm.weight_ih_l0"] @ x
    torch.testing.assert_close(rows @ graph.weights["enc-lstm0-wx"], exact, rtol=1e-4, atol=1e-5)


def test_the_collapsed_embedding_is_the_embedding():
    weights = random_weights(NARROW, seed=3)
    graph = rnnt_graph(NARROW, weights)
    token, h = torch.zeros(NARROW.labels), torch.randn(NARROW.prediction, generator=torch.Generator().manual_seed(0))
    token[2] = 1
    rows = torch.cat((*([token] * NARROW.embedding_copies), h))
    key = "prediction.dec_rnn.lstm.weight_{}_l0"
    exact = weights[key.format("ih")] @ weights["prediction.embed.weight"][2] + weights[key.format("hh")] @ h
    torch.testing.assert_close(rows @ graph.weights["dec-lstm0"], exact)


def test_a_narrow_network_maps_by_the_same_rules():
    chip = load_chip()
    graph = rnnt_graph(NARROW)
    mapping = map_network(graph, chip, paper_options(NARROW, chip))
    assert len(mapping.tiles) == len(mapping.layers) == 12
    routing = route(mapping, place(mapping, chip), graph, chip)
    assert [schedule.output_slots for schedule in routing.chips] == [1, 1, 1, 1, 1]


def test_wrong_weights_and_expansions_are_named():
    weights = random_weights(NARROW)
    missing = {key: value for key, value in weights.items() if key != "joint_net.0.weight"}
    with pytest.raises(InputError, match=r"lack 'joint_net\.0\.weight'"):
        rnnt_graph(NARROW, missing)
    with pytest.raises(InputError, match=r"prediction.embed.weight is \(10, 5\), expected \(5, 10\)"):
        rnnt_graph(NARROW, {**weights, "prediction.embed.weight": torch.zeros(10, 5)})
    with pytest.raises(ConfigurationError, match="Expand to at least 12 rows"):
        rnnt_graph(NARROW.model_copy(update={"expand": 8}))
