"""Hand-over: layers with nothing but a ReLU between them send their pulses from tile to tile.

Between two such layers stands no code, no counter and no digital operation: a column's ramp starts at the zero level,
so that a negative sum makes no pulse (ReLU), and the pulse drives the rows of the next layer's tiles.
Source: Ambrogio et al. 2023, Fig. 3c-e, Methods "Keyword spotting".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from torch import fx

from pcmesh.errors import ConfigurationError
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.layers import AnalogChain, AnalogLinear
from pcmesh.network.operations.records import HANDED_OVER
from pcmesh.network.operations.signs import kind_of
from pcmesh.network.products import Chain

_RELU = frozenset({"relu", "relu_"})
_PASSES = frozenset({"dropout", "feature_dropout", "alias", "detach", "contiguous", "clone"})
"""Operations that hand values on as they are in inference."""


def hand_over(captured: CapturedNetwork, apart: Collection[str] = ()) -> CapturedNetwork:
    """Return the network with chains of layers in place of layers that only a ReLU stands between.

    The network's module is taken over and changed. A chain's matrices are used once in the network; all but the first
    take ReLU outputs, and biases between them go onto the tiles' bias rows.

    Args:
        captured: by export.
        apart: products that keep digital ends.

    Raises:
        ConfigurationError: the network runs its own code, which no pass can change.
    """
    module = captured.module
    if not isinstance(module, fx.GraphModule):
        raise ConfigurationError(
            "pulses cannot be handed over in a network that runs its own code", "Leave out hand_over, or let it export"
        )
    finder = _Finder(module, captured, frozenset(apart))
    chains: list[Chain] = []
    relus: set[str] = set()
    for nodes in finder.chains():
        chains.append(_fuse(module, nodes))
        relus.update(node.name for node in nodes if kind_of(node) in _RELU)
    module.graph.eliminate_dead_code()
    module.graph.lint()
    module.recompile()
    operations = tuple(
        replace(op, where=HANDED_OVER.where, why=HANDED_OVER.why, operations=0.0) if op.name in relus else op
        for op in captured.operations
    )
    return replace(captured, operations=operations, chains=tuple(chains))


def possible_chains(captured: CapturedNetwork) -> tuple[Chain, ...]:
    """Return the chains that `hand_over` would make, nothing changed; none where a network runs its own code."""
    module = captured.module
    if not isinstance(module, fx.GraphModule):
        return ()
    return tuple(_chain(_layers(module, nodes)) for nodes in _Finder(module, captured, frozenset()).chains())


class _Finder:
    """Finds the longest chains, each as the nodes of layers and what stands between them, in order."""

    def __init__(self, module: fx.GraphModule, captured: CapturedNetwork, apart: frozenset[str]) -> None:
        self.module, self.apart = module, apart
        self.uses = Counter(name for operation in captured.operations for name in operation.products)

    def chains(self) -> list[list[fx.Node]]:
        taken: set[fx.Node] = set()
        found: list[list[fx.Node]] = []
        for node in self.module.graph.nodes:
            if node in taken or self.layer(node) is None:
                continue
            chain = self._from(node)
            taken.update(chain)
            if len(chain) > 1:
                found.append(chain)
        return found

    def layer(self, node: fx.Node) -> AnalogLinear | None:
        """Return the layer that a node runs, where it can be part of a chain."""
        if node.op != "call_module":
            return None
        layer: Any = self.module.get_submodule(str(node.target))
        if not isinstance(layer, AnalogLinear):
            return None
        name = layer.call.name
        return layer if self.uses[name] == 1 and name not in self.apart else None

    def _from(self, node: fx.Node) -> list[fx.Node]:
        chain = [node]
        while between := self._next(chain[-1]):
            chain += between
        return chain

    def _next(self, node: fx.Node) -> list[fx.Node]:
        """Return the nodes from behind a layer to the next layer of its chain; none where the chain ends."""
        layer = self.layer(node)
        if layer is None or layer.affine.scale is not None:
            return []
        between: list[fx.Node] = []
        rectified = False
        while len(node.users) == 1:
            node = next(iter(node.users))
            between.append(node)
            if self.layer(node) is not None:
                return between if rectified and not self._signed(node) else []
            if node.op != "call_function" or kind_of(node) not in _RELU | _PASSES:
                return []
            rectified = rectified or kind_of(node) in _RELU
        return []

    def _signed(self, node: fx.Node) -> bool:
        layer = self.layer(node)
        assert layer is not None
        return layer.call.signed[layer.call.name]


def _layers(module: fx.GraphModule, nodes: list[fx.Node]) -> list[AnalogLinear]:
    found = [module.get_submodule(str(node.target)) for node in nodes if node.op == "call_module"]
    return [layer for layer in found if isinstance(layer, AnalogLinear)]


def _chain(layers: list[AnalogLinear]) -> Chain:
    return Chain(tuple(layer.call.name for layer in layers), tuple(layer.affine.bias for layer in layers[:-1]))


def _fuse(module: fx.GraphModule, nodes: list[fx.Node]) -> Chain:
    """Put one layer in place of a chain's."""
    layers = _layers(module, nodes)
    chain = _chain(layers)
    target = f"{nodes[0].target}_chain"
    module.add_submodule(target, AnalogChain(layers[0].call, chain, layers[-1].affine))
    with module.graph.inserting_before(nodes[-1]):
        made = module.graph.call_module(target, nodes[0].args)
    made.meta = dict(nodes[-1].meta)
    nodes[-1].replace_all_uses_with(made)
    for node in reversed(nodes):
        module.graph.erase_node(node)
    return chain
