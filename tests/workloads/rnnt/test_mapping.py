"""The paper's figures for the RNN-T, all computed: facts of Fig. 4, Methods and Extended Data Figs. 5 and 7."""

import pytest
import torch

from pcmesh.errors import ConfigurationError
from pcmesh.hardware import load_chip
from pcmesh.mapping import Encoding, Lane, Mapping, map_network
from pcmesh.placement import place
from pcmesh.routing import Routing, route
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.compiled.graph import random_network, rnnt_graph
from pcmesh.workloads.rnnt.on_chip.recipe import FIRST, PRODUCTS, paper_options

NARROW = RnntWidths(
    features=12, encoder=32, prediction=10, joint=16, labels=5, input_copies=2, embedding_copies=3, stack=2
)


@pytest.fixture(scope="module")
def paper() -> tuple[Mapping, Routing]:
    chip, widths = load_chip(), RnntWidths()
    graph = rnnt_graph(widths)
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
    graph = rnnt_graph(widths)
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
    network, chip = random_network(NARROW, seed=3), load_chip()
    options = paper_options(NARROW.model_copy(update={"expand": expand}), chip)
    graph = rnnt_graph(network, options)
    x = torch.randn(NARROW.features, generator=torch.Generator().manual_seed(0))
    rows = options[FIRST].rows(PRODUCTS[FIRST], NARROW.features)
    exact = network.encoder.pre_rnn.lstm.weight_ih_l0 @ x
    torch.testing.assert_close(rows.inputs(x[None])[0] @ graph.weights["enc-lstm0-wx"], exact, rtol=1e-4, atol=1e-5)


def test_the_collapsed_embedding_is_the_embedding():
    network = random_network(NARROW, seed=3)
    graph = rnnt_graph(network)
    token, h = torch.zeros(NARROW.labels), torch.randn(NARROW.prediction, generator=torch.Generator().manual_seed(0))
    token[2] = 1
    rows = torch.cat((*([token] * NARROW.embedding_copies), h))
    lstm = network.prediction.dec_rnn.lstm
    exact = lstm.weight_ih_l0 @ network.prediction.embed.weight[2] + lstm.weight_hh_l0 @ h
    torch.testing.assert_close(rows @ graph.weights["dec-lstm0"], exact)


def test_the_graph_of_one_frame():
    """The captured network's operations and vectors, and what the digital side computes between them."""
    graph = rnnt_graph(NARROW)
    assert [layer.name for layer in graph.layers] == list(PRODUCTS)
    ends = {layer.name: (layer.input, layer.output) for layer in graph.layers}
    assert ends["enc-lstm0-wh"] == ("enc-lstm0-h", "enc-lstm0-wh-out")
    assert ends["enc-fc"] == ("enc-lstm4-h", "enc-fc-out")
    operations = {op.name: (op.kind, op.inputs, op.outputs[0], op.operations) for op in graph.digital}
    assert operations["enc-lstm0-copy"] == ("copy", ("features",), "enc-lstm0-x", 3 * 12)
    assert operations["enc-lstm2-stack"] == ("stack", ("enc-lstm1-h",), "enc-lstm2-x", 0)
    assert operations["dec-lstm0-concatenate"][1] == ("token",) * 3 + ("dec-lstm0-h",)
    assert operations["dec-lstm1-cell"][1:3] == (("dec-lstm1-out",), "dec-lstm1-h")
    joint = 2 * 16 + 2 * 2 * 16 + 2 * 16 * 6  # sum and ReLU, slope and offset of each code, the last matrix
    assert operations["joint"][1:] == (("enc-fc-out", "dec-fc-out"), "logits", joint)
    assert len(operations) == 14
    sizes = {name: graph.vector(name).size for name in ("token", "enc-lstm2-x", "dec-lstm0-xh", "logits")}
    assert sizes == {"token": 5, "enc-lstm2-x": 64, "dec-lstm0-xh": 25, "logits": 6}


def test_a_narrow_network_maps_by_the_same_rules():
    chip = load_chip()
    graph = rnnt_graph(NARROW)
    mapping = map_network(graph, chip, paper_options(NARROW, chip))
    assert len(mapping.tiles) == len(mapping.layers) == 12
    routing = route(mapping, place(mapping, chip), graph, chip)
    assert [schedule.output_slots for schedule in routing.chips] == [1, 1, 1, 1, 1]


def test_an_expansion_that_loses_information_is_refused():
    with pytest.raises(ConfigurationError, match="Expand to at least 12 rows"):
        rnnt_graph(NARROW.model_copy(update={"expand": 8}))
