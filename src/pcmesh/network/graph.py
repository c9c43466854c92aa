"""LayerGraph: what a network computes, before anything is decided about the chip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch

from pcmesh.errors import UnsupportedModelError
from pcmesh.files.artefact import Artefact, check
from pcmesh.network.activation import LINEAR, Activation, ActivationKind

COPY, CONCATENATE = "copy", "concatenate"
"""Kinds of digital operations whose outputs are values of their inputs."""

STACK = "stack"
"""Kind of the digital operation that joins consecutive frames into one."""

CENTRE, EXPAND, CODES = "centre", "expand", "codes"
"""Kinds of digital operations: centred inputs; more rows by a matrix product; numbers of codes."""


class Vector(Artefact):
    """A named vector that flows between operations once per frame; `signed` is False for outputs of an activation."""

    name: str
    size: int
    signed: bool = True


class AnalogLayer(Artefact):
    """A matrix product `output = activation(input @ weight)` that is executed on tiles.

    Where `input` is the output of another analog layer, the vector is handed over as durations, tile to tile. The
    output is what the pulses stand for: of a hard tanh its values above the lower limit (`Activation.carried`).

    Attributes:
        name, input, output: of the layer and its vectors.
        activation: what the ramp makes of its sums.
        limits: sums at which its pulse begins and is longest, where the activation has them.
    """

    name: str
    input: str
    output: str
    activation: ActivationKind = "linear"
    limits: tuple[float, float] | None = None

    @property
    def function(self) -> Activation:
        """The activation with its limits."""
        if self.activation == "linear":
            return LINEAR
        return Activation(self.activation, *(self.limits or (0.0,)))


class DigitalOperation(Artefact):
    """A vector operation beside the tiles; `operations` counts scalar operations of one invocation."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operations: int


@dataclass(frozen=True)
class LayerGraph:
    """A network: vectors, analog layers with their weights, digital operations between them.

    Attributes:
        name: the network's name.
        vectors: all vectors by name, in the order of the data's way.
        layers: analog layers in execution order.
        digital: digital operations in execution order.
        weights: layer name -> (rows, columns) float32; rows are inputs, as on the tile.
        biases: layer name -> (columns,) float32 that its tiles add, for layers that hand pulses over; others have a
            digital one, which is no part of the graph.
    """

    name: str
    vectors: tuple[Vector, ...]
    layers: tuple[AnalogLayer, ...]
    digital: tuple[DigitalOperation, ...]
    weights: Mapping[str, torch.Tensor]
    biases: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def vector(self, name: str) -> Vector:
        """Return the vector of that name."""
        return next(v for v in self.vectors if v.name == name)

    def layer(self, name: str) -> AnalogLayer:
        """Return the analog layer of that name."""
        return next(entry for entry in self.layers if entry.name == name)

    def producer(self, vector: str) -> AnalogLayer | None:
        """Return the analog layer whose columns make this vector, or None when it comes from the digital side."""
        return next((entry for entry in self.layers if entry.output == vector), None)

    def consumers(self, vector: str) -> tuple[AnalogLayer, ...]:
        """Return the analog layers whose rows take this vector."""
        return tuple(entry for entry in self.layers if entry.input == vector)

    def chains(self) -> tuple[tuple[AnalogLayer, ...], ...]:
        """Return the layers in groups, each layer of a group handing its pulses to the next; most are of one layer.

        Raises:
            UnsupportedModelError: pulses of one layer go to several, which no calibration follows.
        """
        found: list[tuple[AnalogLayer, ...]] = []
        for layer in self.layers:
            if self.producer(layer.input) is not None:
                continue
            chain = [layer]
            while behind := self.consumers(chain[-1].output):
                if len(behind) > 1:
                    raise UnsupportedModelError(
                        f"layer {chain[-1].name} hands its pulses to {', '.join(entry.name for entry in behind)}",
                        "Put a digital operation between, or keep the layers' ends digital",
                    )
                chain.append(behind[0])
            found.append(tuple(chain))
        return tuple(found)

    def part(self, names: Iterable[str]) -> LayerGraph:
        """Return the graph of some layers only."""
        kept = set(names)
        layers = tuple(layer for layer in self.layers if layer.name in kept)
        ends = {layer.input for layer in layers} | {layer.output for layer in layers}
        return LayerGraph(
            self.name,
            tuple(vector for vector in self.vectors if vector.name in ends),
            layers,
            (),
            {layer.name: self.weights[layer.name] for layer in layers},
            {layer.name: self.biases[layer.name] for layer in layers if layer.name in self.biases},
        )

    def verify(self) -> None:
        """Check names, shapes and values.

        Raises:
            UnsupportedModelError: a weight holds NaN or infinity (named).
            VerificationError: shapes or names do not fit together.
        """
        names = [v.name for v in self.vectors]
        check(len(set(names)) == len(names), f"{self.name}: two vectors have one name")
        for layer in self.layers:
            weight = self.weights[layer.name]
            shape = (self.vector(layer.input).size, self.vector(layer.output).size)
            check(
                tuple(weight.shape) == shape,
                f"{layer.name}: weight is {tuple(weight.shape)}, vectors say {shape}",
            )
            if not torch.isfinite(weight).all():
                raise UnsupportedModelError(
                    f"layer {layer.name}: a weight is NaN or infinite", "Check the training or the checkpoint"
                )
            check(
                layer.function.is_linear == self.vector(layer.output).signed,
                f"{layer.name}: only outputs of an activation are unsigned",
            )
