"""The graph of one frame of captured networks: matrices, vectors, digital operations, in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pcmesh.lowering import CentreInputs, JoinRecurrent, Pass, lowered, prepared
from pcmesh.mapping.frame_graph import frame_graph
from pcmesh.network import LayerGraph
from pcmesh.network.capture import Way, capture
from pcmesh.network.examples import Examples
from pcmesh.network.operations.digital import AFFINE, NORMALISATION, cell_operations
from pcmesh.network.operations.table import record_of

CODE = AFFINE.operations


def graph_of(network: nn.Module, *args: Tensor, passes: tuple[Pass, ...] = (), way: Way = "export") -> LayerGraph:
    network.eval()
    captured = capture(prepared(network, passes), Examples.of(args), (512, 512), way=way)
    graph = frame_graph(lowered(captured, passes, network), "one")
    graph.verify()
    return graph


def facts(graph: LayerGraph) -> dict[str, tuple[str, tuple[str, ...], str, int]]:
    return {op.name: (op.kind, op.inputs, op.outputs[0], op.operations) for op in graph.digital}


@pytest.mark.parametrize("way", ["export", "eager"])
def test_digital_operations_between_two_matrices_are_one(way: Way) -> None:
    network = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Sigmoid(), nn.Linear(5, 3))
    graph = graph_of(network, torch.randn(4, 6), way=way)
    assert [(layer.name, layer.input, layer.output) for layer in graph.layers] == [
        ("0", "0-in", "0-out"),
        ("3", "3-x", "3-out"),
    ]
    found = facts(graph)
    assert found["3-digital"][:3] == ("digital", ("0-out",), "3-x")
    assert found["3-digital"][3] == CODE * 5 + 5 * sum(record_of(kind).digital.cost for kind in ("tanh", "sigmoid"))
    assert found["outputs"] == ("digital", ("3-out",), "outputs-out", CODE * 3)
    assert len(found) == 2


def test_inputs_that_no_layer_made_negative_are_unsigned() -> None:
    graph = graph_of(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)), torch.randn(4, 6))
    assert [graph.vector(name).signed for name in ("0-in", "2-x", "2-out")] == [True, False, True]


@pytest.mark.parametrize("way", ["export", "eager"])
def test_layers_and_directions_of_a_recurrent_layer_are_cells(way: Way) -> None:
    lstm = nn.LSTM(6, 8, num_layers=2, bidirectional=True, proj_size=3, batch_first=True)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = lstm

        def forward(self, x: Tensor) -> Tensor:
            return self.lstm(x)[0]

    graph = graph_of(Net(), torch.randn(3, 5, 6), way=way)
    assert len(graph.layers) == 12
    rows = {graph.vector(layer.input).size for layer in graph.layers}
    assert rows == {6, 3, 8}  # inputs (both halves of the layer before), states, cells before the projection
    cells = [op for op in graph.digital if op.kind == "lstm-cell"]
    assert [op.operations for op in cells] == [cell_operations("lstm", 8, 2)] * 4
    above = [op for op in graph.digital if op.outputs[0].startswith("lstm-1-") and op.kind == "digital"]
    assert {op.inputs for op in above} == {("lstm-0-0-h", "lstm-0-1-h")}


def test_a_joined_layer_has_one_matrix_on_input_and_state() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(6, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.rnn(x)[0]

    graph = graph_of(Net(), torch.randn(3, 5, 6), passes=(JoinRecurrent(),))
    assert facts(graph)["rnn-concatenate"] == ("concatenate", ("rnn-in", "rnn-h"), "rnn-xh", 0)
    assert facts(graph)["rnn-cell"][1:3] == (("rnn.weight_l0-out",), "rnn-h")
    names = [vector.name for vector in graph.vectors]
    assert names.index("rnn-h") < names.index("rnn.weight_l0-out")  # the last frame's


def test_centred_inputs_are_centred_digitally() -> None:
    graph = graph_of(nn.Sequential(nn.Linear(6, 5)), torch.randn(4, 6), passes=(CentreInputs(("0",)),))
    assert facts(graph)["0-centre"] == ("centre", ("0-in",), "0-x", NORMALISATION.operations * 6)


def test_frames_side_by_side_are_a_stack() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.LSTM(6, 4, batch_first=True), nn.LSTM(12, 5, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            y = self.one(x)[0]
            return self.two(y.reshape(y.shape[0], -1, 12))[0]

    graph = graph_of(Net(), torch.randn(3, 6, 6))
    assert facts(graph)["two-stack"] == ("stack", ("one-h",), "two-x", 0)


@pytest.mark.parametrize(("kind", "sums", "expected"), [("gru", 2, 3 * 8 + 5), ("rnn_tanh", 1, 5), ("rnn_relu", 2, 8)])
def test_cells_other_than_an_lstm_s(kind: str, sums: int, expected: int) -> None:
    assert cell_operations(kind, 7, sums) == 7 * expected


def test_what_is_written_into_a_part_of_a_tensor_is_an_edge() -> None:
    """`pad_packed_sequence` fills a tensor through views of it."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            whole = x.new_zeros(x.shape)
            whole[:, 1:].copy_(self.one(x)[:, 1:])
            if float(whole.sum()) > 1e9:  # torch.export cannot trace it
                return whole
            return self.two(whole.transpose(0, 1)).transpose(0, 1)

    graph = graph_of(Net(), torch.randn(3, 5, 4), way="eager")
    assert facts(graph)["two-digital"][:2] == ("digital", ("one-out",))
