"""The behavioural engine: a programmed network as banks, run layer by layer over batches."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from pcmesh.execution.behavioural.build import LayerBanks, build_layer
from pcmesh.execution.paths import Paths
from pcmesh.network import LayerGraph
from pcmesh.physics.column import RampSetting
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.normal import key_tensor, mix_tensor
from pcmesh.programming.chip import ProgrammedNetwork
from pcmesh.random import stream_key


def noise_keys(instance: Instance, utterance_ids: Sequence[str]) -> torch.Tensor:
    """Return the read-noise key of each utterance on a chip instance, (B,) int64.

    It depends on the seed, the chip and the utterance, not on the batch.
    """
    return key_tensor(*(stream_key(instance.seed, "read", instance.number, name) for name in utterance_ids))


def frame_keys(keys: torch.Tensor, frame: int) -> torch.Tensor:
    """Return the keys of frame number `frame` of each utterance."""
    return mix_tensor(keys, torch.full_like(keys, frame))


@dataclass(frozen=True)
class BehaviouralNetwork:
    """Layers of a network on one chip instance, ready to run.

    Attributes:
        graph: the network.
        layers: layer name -> its banks.
    """

    graph: LayerGraph
    layers: Dict[str, LayerBanks]

    def to(self, device: torch.device | str) -> BehaviouralNetwork:
        """Return a copy on a device."""
        target = torch.device(device)
        return replace(self, layers={name: banks.to(target) for name, banks in self.layers.items()})

    def run_layer(self, layer: str, ticks: torch.Tensor, keys: torch.Tensor | None) -> torch.Tensor:
        """Run one layer.

        Args:
            layer: its name; its output is an OLP code per column, or a duration (ticks) where it is handed over.
            ticks: (B, rows) int32 signed pulse lengths.
            keys: (B,) int64 noise keys, or None without noise.

        Returns:
            (G, B, columns) int32: G partial sums that are added digitally (1 where the sum is analog).
        """
        return self.layers[layer].run(ticks, keys)

    def run(self, inputs: Dict[str, torch.Tensor], keys: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """Run all layers whose inputs are given or made by layers before them.

        Args:
            inputs: vector name -> (B, size) int32 signed ticks.
            keys: (B,) int64 noise keys, or None.

        Returns:
            layer name -> what `run_layer` returns.
        """
        vectors = dict(inputs)
        results: dict[str, torch.Tensor] = {}
        for layer in self.graph.layers:
            if layer.input not in vectors:
                continue
            results[layer.name] = self.run_layer(layer.name, vectors[layer.input], keys)
            if self.graph.consumers(layer.output):
                vectors[layer.output] = results[layer.name][0]
        return results


def build_network(
    network: ProgrammedNetwork, graph: LayerGraph, ramps: Dict[int, RampSetting], paths: Paths | None = None
) -> BehaviouralNetwork:
    """Return the behavioural engine for all layers that are programmed.

    Args:
        network: the programmed chip instance.
        graph: the network.
        ramps: group -> how its columns are read.
        paths: width shifts of the mesh (None: tiles side by side, no mesh).
    """
    layers = {
        layer.name: build_layer(
            network,
            layer.name,
            ramps,
            handed_over=bool(graph.consumers(layer.output)),
            paths=paths,
            analog_input=graph.producer(layer.input) is not None,
        )
        for layer in graph.layers
        if layer.name in network.targets
    }
    return BehaviouralNetwork(graph, layers)
