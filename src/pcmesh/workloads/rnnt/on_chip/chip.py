"""One instance of the five chips with an RNN-T programmed and calibrated."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from pcmesh.chip import ChipSpec
from pcmesh.compiled import CompiledNetwork
from pcmesh.deployed import Chip, bring_up
from pcmesh.errors import ConfigurationError
from pcmesh.execution.products import LayerProduct
from pcmesh.mapping import Encoding
from pcmesh.model import LayerGraph
from pcmesh.physics.fabrication import Instance
from pcmesh.pipeline import compile_network
from pcmesh.random import torch_generator
from pcmesh.workloads.rnnt.checkpoint_layout import published_key
from pcmesh.workloads.rnnt.graph import expansion_matrix, rnnt_graph
from pcmesh.workloads.rnnt.mapping import paper_options
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.calibration import calibration_vectors
from pcmesh.workloads.rnnt.on_chip.preprocess import InputScaling

LAYERS = (*(f"enc-lstm{n}" for n in range(5)), "enc-fc", "dec-lstm0", "dec-lstm1", "dec-fc")
"""The layers that can be on the chip, in the network's order (paper: Fig. 4a). The joint FC is digital."""


def matrices(layer: str) -> tuple[str, ...]:
    """Return the names that the matrices of a layer may have in `rnnt_graph`: one, or Wx and Wh."""
    return (layer, f"{layer}-wx", f"{layer}-wh")


CALIBRATION_FRAMES = 2000
"""Frames of each layer (paper: Methods)."""


@dataclass(frozen=True)
class RnntProgram:
    """An RNN-T compiled for the chip.

    Attributes:
        network: in software, in evaluation mode.
        graph: the same as matrices and digital operations.
        compiled: what of it is on the chip, as tiles, routes and microcode.
        scaling: how features become the rows of Enc-LSTM0 Wx.
    """

    network: RnntNetwork
    graph: LayerGraph
    compiled: CompiledNetwork
    scaling: InputScaling


def compile_rnnt(
    network: RnntNetwork,
    chip: ChipSpec,
    expand: int | None = None,
    copies: int = 4,
    encoding: Encoding | None = None,
    encodings: Mapping[str, Encoding] | None = None,
    only: Collection[str] | None = None,
) -> RnntProgram:
    """Compile a network as the paper maps it.

    Args:
        network: in evaluation mode.
        chip: the chip.
        expand: rows of the weight expansion of Enc-LSTM0 Wx; None: copies of each feature.
        copies: their number (weight averaging; paper: 4).
        encoding: of all layers; None: the paper's choice for each.
        encodings: of some matrices of `rnnt_graph`, before `encoding`.
        only: matrices that are on the chip; None: all.

    Raises:
        CapacityError: it does not fit.
        ConfigurationError: an expansion to fewer rows than features, or an encoding for an unknown matrix.
    """
    widths = network.widths.model_copy(update={"expand": expand, "input_copies": copies})
    matrix = None if expand is None else expansion_matrix(widths)
    state = {published_key(key): value for key, value in network.state_dict().items()}
    graph = rnnt_graph(widths, state, matrix)
    first = state["encoder.pre_rnn.lstm.weight_ih_l0"]
    options = paper_options(widths, chip)
    unknown = sorted(set(encodings or {}) - set(graph.weights))
    if unknown:
        raise ConfigurationError(f"no matrix {unknown[0]!r} to pin", f"One of: {', '.join(graph.weights)}")
    chosen = ({} if encoding is None else dict.fromkeys(options, encoding)) | dict(encodings or {})
    options |= {name: options[name].model_copy(update={"encoding": one}) for name, one in chosen.items()}
    part = graph if only is None or set(only) == set(graph.weights) else graph.part(only)
    compiled = compile_network(part, chip, {layer.name: options[layer.name] for layer in part.layers})
    return RnntProgram(network, graph, compiled, InputScaling.of(widths, first, matrix))


@dataclass(frozen=True)
class RnntChip:
    """A chip instance that runs the network."""

    program: RnntProgram
    products: Chip

    def digest(self) -> str:
        """Return a hash of what its results depend on beside the network: chip, mapping, calibration, age."""
        found = hashlib.blake2b(digest_size=8)
        network = self.products.network
        parts = (network.instance, network.age_s, network.mapping.layers, self.products.paths is None)
        found.update(repr((network.chip, *parts)).encode())
        for name, readouts in sorted(self.products.readouts.items()):
            found.update(name.encode())
            for readout in readouts:
                found.update(readout.slope.numpy().tobytes() + readout.offset.numpy().tobytes())
        return found.hexdigest()

    @property
    def instance(self) -> Instance:
        """Which chips."""
        return self.products.network.instance

    def layer(self, name: str) -> Mapping[str, LayerProduct]:
        """Return the products of a layer or matrix: one, or `-wx` and `-wh` of a layer that keeps them apart."""
        names = [layer.name for layer in self.program.compiled.graph.layers]
        found = [one for one in names if one in matrices(name)]
        return {one: self.products.layer(one) for one in found}

    def aged(self, time_s: float) -> RnntChip:
        """Return the chips `time_s` after calibration, read as they were calibrated then."""
        return replace(self, products=self.products.aged(time_s))

    def expecting_drift(self) -> RnntChip:
        """Return the chips, calibrated when new, with products enlarged by what drift is expected to have taken."""
        return replace(self, products=self.products.expecting_drift())

    def calibrated(self, features: Sequence[Tensor], frames: int = CALIBRATION_FRAMES) -> RnntChip:
        """Return the chips with the affine read-out of all columns fitted anew, at their age (see `bring_up_rnnt`)."""
        return replace(
            self,
            products=self.products.recalibrated(calibration_frames(self.program, features, frames, self.instance.seed)),
        )


def bring_up_rnnt(
    program: RnntProgram,
    instance: Instance,
    features: Sequence[Tensor],
    frames: int = CALIBRATION_FRAMES,
    mesh: bool = True,
    layers: Collection[str] = LAYERS,
    vectors: Mapping[str, Tensor] | None = None,
    scale_columns: bool = True,
) -> RnntChip:
    """Program a chip instance and calibrate its columns.

    Args:
        program: from `compile_rnnt`.
        instance: which chips.
        features: (T, F) of recordings of the training set.
        frames: calibration frames of each layer, drawn from them (paper: 2,000).
        mesh: False leaves out what wires do to pulses.
        layers: only these are written, on the tiles that they have beside the others.
        vectors: the calibration frames, where they are known (`calibration_frames`).
        scale_columns: whether each column is written with its own gain, undone by its read-out.
    """
    found = calibration_frames(program, features, frames, instance.seed) if vectors is None else dict(vectors)
    names = {matrix for layer in layers for matrix in matrices(layer)}
    compiled = replace(program.compiled, graph=program.compiled.graph.part(names))
    return RnntChip(program, bring_up(compiled, instance, found, "read-out", mesh=mesh, scale_columns=scale_columns))


def calibration_frames(
    program: RnntProgram, features: Sequence[Tensor], frames: int = CALIBRATION_FRAMES, seed: int = 0
) -> dict[str, Tensor]:
    """Return vector name -> (frames, size) inputs of all layers, the same for every chip instance of a seed."""
    generator = torch_generator(seed, "data", "calibration frames")
    return calibration_vectors(program.network, program.scaling, features, frames, generator)
