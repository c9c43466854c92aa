"""Hand-over: layers with nothing but an activation between them send their pulses from tile to tile.

Between two such layers stands no code, no counter and no digital operation: what a column's ramp and the enable signal
of its comparators make of a sum is the activation (`network.activation`), and the pulse drives the rows of the next
layer's tiles. A pulse that is counted can be such an activation, too.
Source: Ambrogio et al. 2023, Fig. 3c-e, Methods "Keyword spotting" and "Inference".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx

from pcmesh.errors import ConfigurationError
from pcmesh.lowering.activations import activation_of
from pcmesh.network.activation import LINEAR, Activation
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.layers import AnalogChain, AnalogLinear
from pcmesh.network.layers.linear import Affine
from pcmesh.network.operations.records import ON_RAMP
from pcmesh.network.operations.signs import kind_of
from pcmesh.network.products import Chain

_PASSES = frozenset({"dropout", "feature_dropout", "alias", "detach", "contiguous", "clone"})
"""Operations that hand values on as they are in inference."""


def hand_over(captured: CapturedNetwork, apart: Collection[str] = (), linear: Collection[str] = ()) -> CapturedNetwork:
    """Return the network with chains of layers in place of layers that only an activation stands between or behind.

    The network's module is taken over and changed. A chain's matrices are used once in the network; all but the first
    take pulses, and biases before activations go onto the tiles' bias rows. A single layer with an activation behind
    it may be used often, if all its uses have the same.

    Args:
        captured: by export.
        apart: products that keep digital ends.
        linear: products whose own activation, where its pulses would be counted, stays digital.

    Raises:
        ConfigurationError: the network runs its own code, which no pass can change.
    """
    module = captured.module
    if not isinstance(module, fx.GraphModule):
        raise ConfigurationError(
            "pulses cannot be handed over in a network that runs its own code", "Leave out hand_over, or let it export"
        )
    finder = _Finder(module, captured, frozenset(apart), frozenset(linear))
    chains: dict[tuple[str, ...], Chain] = {}
    on_ramps: dict[str, Activation] = {}
    for found in finder.chains():
        chains.setdefault(found.chain.products, found.chain)
        _fuse(module, found)
        on_ramps |= found.activations
    module.graph.eliminate_dead_code()
    module.graph.lint()
    module.recompile()
    operations = tuple(
        replace(op, where=(rule := ON_RAMP[on_ramps[op.name].kind]).where, why=rule.why, operations=0.0)
        if op.name in on_ramps
        else op
        for op in captured.operations
    )
    return replace(captured, operations=operations, chains=tuple(chains.values()))


def possible_chains(captured: CapturedNetwork) -> tuple[Chain, ...]:
    """Return the chains that `hand_over` would make, nothing changed; none where a network runs its own code."""
    module = captured.module
    if not isinstance(module, fx.GraphModule):
        return ()
    found = _Finder(module, captured, frozenset(), frozenset()).chains()
    return tuple({entry.chain.products: entry.chain for entry in found}.values())


@dataclass(frozen=True)
class _Found:
    """A chain in the graph: its nodes in order, its layers, and which nodes are activations."""

    nodes: tuple[fx.Node, ...]
    layers: tuple[AnalogLinear, ...]
    chain: Chain
    activations: dict[str, Activation]


class _Finder:
    """Finds the longest chains."""

    def __init__(
        self, module: fx.GraphModule, captured: CapturedNetwork, apart: frozenset[str], linear: frozenset[str]
    ) -> None:
        self.module, self.apart, self.linear = module, apart, linear
        self.uses = Counter(name for operation in captured.operations for name in operation.products)

    def chains(self) -> list[_Found]:
        taken: set[fx.Node] = set()
        found: list[_Found] = []
        for node in self.module.graph.nodes:
            if node in taken or self.layer(node) is None:
                continue
            entry = self._from(node)
            taken.update(entry.nodes)
            if any(not activation.is_linear for activation in entry.chain.activations):
                found.append(entry)
        return [entry for entry in found if self._everywhere(entry, found)]

    def layer(self, node: fx.Node) -> AnalogLinear | None:
        """Return the layer that a node runs, where it can be part of a chain."""
        if node.op != "call_module":
            return None
        layer: Any = self.module.get_submodule(str(node.target))
        return layer if isinstance(layer, AnalogLinear) and layer.call.name not in self.apart else None

    def _everywhere(self, entry: _Found, found: Sequence[_Found]) -> bool:
        """Return whether all uses of a chain's matrices are such chains."""
        alike = sum(_same(entry.chain, other.chain) for other in found)
        return all(self.uses[name] == alike for name in entry.chain.products)

    def _from(self, node: fx.Node) -> _Found:
        nodes, activations, behind = [node], list[Activation](), dict[str, Activation]()
        layers = [layer for layer in (self.layer(node),) if layer is not None]
        while True:
            between, made, following = self._behind(nodes[-1], layers[-1])
            if following is None and layers[-1].call.name in self.linear:
                between, made = {}, LINEAR
            activations.append(made)
            behind |= {node.name: made for node, acts in between.items() if acts}
            nodes += between
            if following is None:
                return _Found(tuple(nodes), tuple(layers), _chain(layers, activations), behind)
            layers += [layer for layer in (self.layer(following),) if layer is not None]
            nodes.append(following)

    def _behind(self, node: fx.Node, layer: AnalogLinear) -> tuple[dict[fx.Node, bool], Activation, fx.Node | None]:
        """Return what stands behind a layer: nodes (whether they are the activation), activation, the next layer.

        Nodes go up to the activation, or to the next layer where pulses are handed to it.
        """
        between: dict[fx.Node, bool] = {}
        made, last = LINEAR, 0
        if layer.affine.scale is not None:
            return {}, LINEAR, None
        while len(node.users) == 1:
            node = next(iter(node.users))
            if self._takes_pulses(node, layer) and not made.is_linear:
                return between, made, node
            if node.op != "call_function":
                break
            activation = activation_of(node)
            if kind_of(node) not in _PASSES and (activation is None or (made not in (LINEAR, activation))):
                break
            between[node] = activation is not None
            if activation is not None:
                made, last = activation, len(between)
        return dict(list(between.items())[:last]), made, None

    def _takes_pulses(self, node: fx.Node, before: AnalogLinear) -> bool:
        layer = self.layer(node)
        return layer is not None and self.uses[layer.call.name] == self.uses[before.call.name] == 1


def _same(one: Chain, other: Chain) -> bool:
    """Return whether two chains are uses of the same one."""
    pairs = zip(one.biases, other.biases, strict=False)
    alike = all(a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)
    return (one.products, one.activations) == (other.products, other.activations) and alike


def _chain(layers: Sequence[AnalogLinear], activations: Sequence[Activation]) -> Chain:
    """Return the chain; a bias with no activation behind it stays in its layer's own affine map."""
    biases = [None if made.is_linear else layer.affine.bias for layer, made in zip(layers, activations, strict=True)]
    return Chain(tuple(layer.call.name for layer in layers), tuple(biases), tuple(activations))


def _fuse(module: fx.GraphModule, found: _Found) -> None:
    """Put one layer in place of a chain's."""
    nodes, last = found.nodes, found.layers[-1].affine
    target = f"{nodes[0].target}_chain"
    affine = last if found.chain.activations[-1].is_linear else Affine()
    module.add_submodule(target, AnalogChain(found.layers[0].call, found.chain, affine))
    with module.graph.inserting_before(nodes[-1]):
        made = module.graph.call_module(target, nodes[0].args)
    made.meta = dict(nodes[-1].meta)
    nodes[-1].replace_all_uses_with(made)
    for node in reversed(nodes):
        module.graph.erase_node(node)
