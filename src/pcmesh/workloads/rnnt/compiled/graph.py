"""The RNN-T of MLPerf as a graph of analog matrix products and digital operations, split as in the paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from pcmesh.errors import ConfigurationError, InputError
from pcmesh.mapping.rows import Copies, Expansion, MoreRows, normal_matrix
from pcmesh.network import AnalogLayer, DigitalOperation, LayerGraph, Vector
from pcmesh.network.operations.digital import AFFINE, MULTIPLY_ADD, NORMALISATION, lstm_cell_operations
from pcmesh.random import torch_generator
from pcmesh.workloads.rnnt.widths import RnntWidths


def random_weights(widths: RnntWidths, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return uniform random matrices (PyTorch's LSTM initialisation) under the keys of a checkpoint."""
    generator = torch_generator(seed, "training", "rnnt")
    return {
        key: (torch.rand(shape, generator=generator) * 2 - 1) / shape[1] ** 0.5
        for key, shape in widths.shapes().items()
    }


def expansion_matrix(widths: RnntWidths, seed: int = 0) -> torch.Tensor:
    """Return M (expand, features), random normal and fixed; the expanded input is M · x.

    Raises:
        ConfigurationError: `expand` is missing, or smaller than the number of features (M would lose information).
    """
    if widths.expand is None:
        raise ConfigurationError("weight expansion to no number of rows", "Give the widths `expand`")
    return normal_matrix(widths.expand, widths.features, torch_generator(seed, "training", "rnnt", "expansion"))


def input_rows(widths: RnntWidths, expansion: torch.Tensor | None) -> MoreRows:
    """Return what the features become on the rows of Enc-LSTM0 Wx: copies, or M · x."""
    return Copies(widths.input_copies) if expansion is None else Expansion(expansion)


def rnnt_graph(
    widths: RnntWidths | None = None,
    weights: Mapping[str, torch.Tensor] | None = None,
    expansion: torch.Tensor | None = None,
) -> LayerGraph:
    """Build the graph of an RNN-T.

    Enc-LSTM0..2 keep Wx and Wh apart (added digitally), Enc-LSTM3, 4 and the decoder hold both in one matrix; Emb x Wx
    is collapsed. Hidden vectors come back from the digital side: the graph describes one frame, h is the last frame's.

    Args:
        widths: the sizes; None: the paper's.
        weights: matrices (outputs, inputs) under MLPerf's keys (`RnntWidths.shapes`); None: random ones.
        expansion: M (expand, features); None: `expansion_matrix` where `widths.expand` is given.

    Raises:
        InputError: a matrix is missing or has another shape (named).
        ConfigurationError: an impossible expansion.
    """
    widths = widths or RnntWidths()
    weights = random_weights(widths) if weights is None else weights
    _check_weights(widths, weights)
    if widths.expand is not None and expansion is None:
        expansion = expansion_matrix(widths)
    build = _Builder()
    _encoder(build, widths, weights, expansion)
    _decoder(build, widths, weights)
    hidden = 2 * widths.joint  # sum and ReLU; the product and its bias follow
    product = MULTIPLY_ADD.operations * widths.joint * (widths.labels + 1)
    affine = 2 * AFFINE.operations * widths.joint
    build.digital(
        "joint", "joint", ("enc-fc-out", "dec-fc-out"), "logits", widths.labels + 1, hidden + product + affine
    )
    return build.graph("rnnt")


@dataclass
class _Builder:
    """Collects vectors and operations in the order of the data's way."""

    vectors: dict[str, Vector] = field(default_factory=dict)
    layers: list[AnalogLayer] = field(default_factory=list)
    operations: list[DigitalOperation] = field(default_factory=list)
    weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def vector(self, name: str, size: int) -> str:
        """Declare a vector, once."""
        self.vectors.setdefault(name, Vector(name=name, size=size))
        return name

    def analog(self, name: str, source: str, weight: torch.Tensor) -> str:
        """Add a layer with `weight` (rows, columns); return its output's name."""
        output = self.vector(f"{name}-out", weight.shape[1])
        self.layers.append(AnalogLayer(name=name, input=self.vector(source, weight.shape[0]), output=output))
        self.weights[name] = weight.to(torch.float32).contiguous()
        return output

    def digital(
        self, name: str, kind: str, inputs: tuple[str, ...], output: str, size: int, operations: int = 0
    ) -> str:
        """Add a digital operation; return its output's name."""
        self.vector(output, size)
        self.operations.append(
            DigitalOperation(name=name, kind=kind, inputs=inputs, outputs=(output,), operations=operations)
        )
        return output

    def cell(self, lstm: str, sums: tuple[str, ...], hidden: int) -> str:
        """Add the vector operations of an LSTM whose gates are the sum of `sums`; return its hidden vector's name."""
        operations = lstm_cell_operations(hidden, len(sums))
        return self.digital(f"{lstm}-cell", "lstm-cell", sums, f"{lstm}-h", hidden, operations)

    def graph(self, name: str) -> LayerGraph:
        """Return what was collected."""
        return LayerGraph(
            name, tuple(self.vectors.values()), tuple(self.layers), tuple(self.operations), dict(self.weights)
        )


def _check_weights(widths: RnntWidths, weights: Mapping[str, torch.Tensor]) -> None:
    for key, shape in widths.shapes().items():
        if key not in weights:
            raise InputError(f"the weights lack {key!r}", f"Expected: {', '.join(widths.shapes())}")
        if tuple(weights[key].shape) != shape:
            raise InputError(f"{key} is {tuple(weights[key].shape)}, expected {shape}")


def _encoder(
    build: _Builder, widths: RnntWidths, weights: Mapping[str, torch.Tensor], expansion: torch.Tensor | None
) -> None:
    hidden = widths.encoder
    features = build.vector("features", widths.features)
    first = weights["encoder.pre_rnn.lstm.weight_ih_l0"]
    normalise = NORMALISATION.operations * widths.features
    rows = input_rows(widths, expansion)
    wx, kind = rows.weight(first.T), "copy" if expansion is None else "expand"
    cost = normalise + rows.operations
    x = build.digital(f"enc-lstm0-{kind}", kind, (features,), "enc-lstm0-x", widths.input_rows, cost)
    sources = ("encoder.pre_rnn.lstm.{}_l0", "encoder.pre_rnn.lstm.{}_l1", "encoder.post_rnn.lstm.{}_l0")
    for number, key in enumerate(sources):
        if number == 2:
            x = build.digital("stack", "stack", (x,), "enc-lstm2-x", widths.stack * hidden)
        lstm = f"enc-lstm{number}"
        own = wx if number == 0 else weights[key.format("weight_ih")].T
        sums = (
            build.analog(f"{lstm}-wx", x, own),
            build.analog(f"{lstm}-wh", build.vector(f"{lstm}-h", hidden), weights[key.format("weight_hh")].T),
        )
        x = build.cell(lstm, sums, hidden)
    for number in (3, 4):
        x = _joined_lstm(build, f"enc-lstm{number}", (x,), f"encoder.post_rnn.lstm.{{}}_l{number - 2}", weights)
    build.analog("enc-fc", x, weights["joint_net.0.weight"][:, :hidden].T)


def _decoder(build: _Builder, widths: RnntWidths, weights: Mapping[str, torch.Tensor]) -> None:
    copies = widths.embedding_copies
    token = build.vector("token", widths.labels)
    key = "prediction.dec_rnn.lstm.{}_l0"
    embedded = weights["prediction.embed.weight"] @ weights[key.format("weight_ih")].T
    x = _joined_lstm(build, "dec-lstm0", (token,) * copies, key, weights, Copies(copies).weight(embedded))
    x = _joined_lstm(build, "dec-lstm1", (x,), "prediction.dec_rnn.lstm.{}_l1", weights)
    build.analog("dec-fc", x, weights["joint_net.0.weight"][:, widths.encoder :].T)


def _joined_lstm(
    build: _Builder,
    lstm: str,
    inputs: tuple[str, ...],
    key: str,
    weights: Mapping[str, torch.Tensor],
    wx: torch.Tensor | None = None,
) -> str:
    """Add an LSTM whose Wx and Wh are one matrix: both products are summed on the capacitors."""
    own = weights[key.format("weight_ih")].T if wx is None else wx
    recurrent = weights[key.format("weight_hh")].T
    weight = torch.cat((own, recurrent))
    h = build.vector(f"{lstm}-h", recurrent.shape[0])
    joined = build.digital(f"{lstm}-concatenate", "concatenate", (*inputs, h), f"{lstm}-xh", weight.shape[0])
    return build.cell(lstm, (build.analog(lstm, joined, weight),), recurrent.shape[0])
