"""One instance of the five chips with an RNN-T programmed and calibrated."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from pcmesh.chip import ChipSpec
from pcmesh.compiled import CompiledNetwork
from pcmesh.execution.products import ChipProducts, LayerProduct
from pcmesh.mapping import Encoding
from pcmesh.physics.fabrication import Instance
from pcmesh.pipeline import bring_up_products, compile_network
from pcmesh.random import torch_generator
from pcmesh.workloads.rnnt.checkpoint_layout import published_key
from pcmesh.workloads.rnnt.graph import expansion_matrix, rnnt_graph
from pcmesh.workloads.rnnt.mapping import paper_options
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.calibration import calibration_vectors
from pcmesh.workloads.rnnt.on_chip.preprocess import InputScaling

LAYERS = (*(f"enc-lstm{n}" for n in range(5)), "enc-fc", "dec-lstm0", "dec-lstm1", "dec-fc")
"""The layers that can be on the chip, in the network's order (paper: Fig. 4a). The joint FC is digital."""


CALIBRATION_FRAMES = 2000
"""Frames of each layer (paper: Methods)."""


@dataclass(frozen=True)
class RnntProgram:
    """An RNN-T compiled for the chip.

    Attributes:
        network: in software, in evaluation mode.
        compiled: the same as tiles, routes and microcode.
        scaling: how features become the rows of Enc-LSTM0 Wx.
    """

    network: RnntNetwork
    compiled: CompiledNetwork
    scaling: InputScaling


def compile_rnnt(
    network: RnntNetwork,
    chip: ChipSpec,
    expand: int | None = None,
    copies: int = 4,
    encoding: Encoding | None = None,
) -> RnntProgram:
    """Compile a network as the paper maps it.

    Args:
        network: in evaluation mode.
        chip: the chip.
        expand: rows of the weight expansion of Enc-LSTM0 Wx; None: copies of each feature.
        copies: their number (weight averaging; paper: 4).
        encoding: of all layers; None: the paper's choice for each.

    Raises:
        CapacityError: it does not fit.
        ConfigurationError: an expansion to fewer rows than features.
    """
    widths = network.widths.model_copy(update={"expand": expand, "input_copies": copies})
    matrix = None if expand is None else expansion_matrix(widths)
    state = {published_key(key): value for key, value in network.state_dict().items()}
    graph = rnnt_graph(widths, state, matrix)
    first = state["encoder.pre_rnn.lstm.weight_ih_l0"]
    options = paper_options(widths, chip)
    if encoding is not None:
        options = {name: one.model_copy(update={"encoding": encoding}) for name, one in options.items()}
    compiled = compile_network(graph, chip, options)
    return RnntProgram(network, compiled, InputScaling.of(widths, first, matrix))


@dataclass(frozen=True)
class RnntChip:
    """A chip instance that runs the network."""

    program: RnntProgram
    products: ChipProducts

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
        """Return the products of a layer: one, or `-wx` and `-wh` of a layer that keeps them apart."""
        names = [layer.name for layer in self.program.compiled.graph.layers]
        found = [one for one in names if one in (name, f"{name}-wx", f"{name}-wh")]
        return {one: self.products.layer(one) for one in found}

    def aged(self, time_s: float) -> RnntChip:
        """Return the chips `time_s` after calibration, read as they were calibrated then."""
        return replace(self, products=self.products.aged(time_s))

    def calibrated(self, features: Sequence[Tensor], frames: int = CALIBRATION_FRAMES) -> RnntChip:
        """Return the chips with the affine read-out of all columns fitted anew, at their age (see `bring_up_rnnt`)."""
        return replace(self, products=self.products.calibrated(_vectors(self.program, features, frames, self.instance)))


def bring_up_rnnt(
    program: RnntProgram,
    instance: Instance,
    features: Sequence[Tensor],
    frames: int = CALIBRATION_FRAMES,
    mesh: bool = True,
    layers: Collection[str] = LAYERS,
) -> RnntChip:
    """Program a chip instance and calibrate its columns.

    Args:
        program: from `compile_rnnt`.
        instance: which chips.
        features: (T, F) of recordings of the training set.
        frames: calibration frames of each layer, drawn from them (paper: 2,000).
        mesh: False leaves out what wires do to pulses.
        layers: only these are written, on the tiles that they have beside the others.
    """
    vectors = _vectors(program, features, frames, instance)
    graph = program.compiled.graph
    chosen = tuple(entry for entry in graph.layers if entry.name.removesuffix("-wx").removesuffix("-wh") in layers)
    weights = {entry.name: graph.weights[entry.name] for entry in chosen}
    compiled = replace(program.compiled, graph=replace(graph, layers=chosen, weights=weights))
    return RnntChip(program, bring_up_products(compiled, instance, vectors, mesh))


def _vectors(program: RnntProgram, features: Sequence[Tensor], frames: int, instance: Instance) -> dict[str, Tensor]:
    generator = torch_generator(instance.seed, "data", "calibration frames")
    return calibration_vectors(program.network, program.scaling, features, frames, generator)
