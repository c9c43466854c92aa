"""Values of an exported graph that depend on weights alone."""

from __future__ import annotations

import hashlib
import operator
from typing import Any

import torch
from torch import Tensor, fx

from pcmesh.network.operations.functional import written_by

_RANDOM = ("rand", "randn", "bernoulli", "multinomial", "normal", "dropout")


class Constants:
    """Evaluates nodes that depend on nothing but parameters, buffers and literals."""

    def __init__(self, module: fx.GraphModule) -> None:
        self.module = module
        written = [value for node in module.graph.nodes for value in written_by(node)]
        self._written = {value.target for value in written if value.op == "get_attr"}
        self._known: dict[fx.Node, bool] = {}
        self._values: dict[fx.Node, Any] = {}

    def is_constant(self, node: Any) -> bool:
        """Return whether a node (or literal) depends on no input of the network."""
        if not isinstance(node, fx.Node):
            return True
        if node not in self._known:
            if node.op == "get_attr":
                self._known[node] = node.target not in self._written  # a buffer that the network changes is no weight
            elif node.op != "call_function" or any(word in str(node.target) for word in _RANDOM):
                self._known[node] = False
            else:
                self._known[node] = all(self.is_constant(entry) for entry in node.all_input_nodes)
        return self._known[node]

    def value(self, node: Any) -> Any:
        """Return the value of a constant node; lists of nodes become lists of values."""
        if isinstance(node, list | tuple):
            return type(node)(self.value(entry) for entry in node)
        if not isinstance(node, fx.Node):
            return node
        if node not in self._values:
            if node.op == "get_attr":
                found = operator.attrgetter(str(node.target))(self.module)
            else:
                assert callable(node.target)
                with torch.no_grad():
                    found = node.target(
                        *fx.node.map_arg(node.args, self.value), **fx.node.map_arg(node.kwargs, self.value)
                    )
            self._values[node] = found.detach() if isinstance(found, Tensor) else found
        return self._values[node]

    def sources(self, node: fx.Node) -> tuple[str, ...]:
        """Return the qualified names of the parameters and buffers that a constant node is made of."""
        if node.op == "get_attr":
            return (str(node.target),)
        found: dict[str, None] = {}
        for entry in node.all_input_nodes:
            found.update(dict.fromkeys(self.sources(entry)))
        return tuple(found)


def fingerprint(tensor: Tensor) -> bytes:
    """Return a hash of a tensor's shape and values."""
    data = tensor.detach().to("cpu", torch.float32).contiguous()
    return hashlib.blake2b(repr(tuple(data.shape)).encode() + data.numpy().tobytes(), digest_size=16).digest()
