"""How many scalar operations one sample needs, from the shapes of an exported graph."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

from pcmesh.model.contraction import contraction_of

_PER_GATE = {"lstm": 4, "lstm_cell": 4, "gru": 3, "gru_cell": 3}


def operation_count(node: fx.Node, kind: str, batch: int) -> float:
    """Return the scalar operations of a node for one sample: 2 for a multiply-add, 1 for each element otherwise."""
    out = sum(size_of(value) for value in pytree.tree_leaves(node.meta["val"]) if isinstance(value, Tensor))
    inputs = [entry.meta["val"] for entry in node.all_input_nodes if isinstance(entry.meta.get("val"), Tensor)]
    contraction = contraction_of(kind, node.args, node.kwargs, lambda entry: entry.meta["val"].shape)
    if contraction is not None:
        return 2.0 * contraction.multiply_adds / batch
    if kind.startswith("conv"):
        weight = inputs[1]
        if "transpose" in kind:
            return 2.0 * size_of(inputs[0]) * _elements(weight.shape[1:]) / batch
        return 2.0 * out * _elements(weight.shape[1:]) / batch
    if kind == "scaled_dot_product_attention":
        query, key = inputs[0], inputs[1]
        return 4.0 * size_of(query) * _int(key.shape[-2]) / batch
    if kind.startswith(("lstm", "gru", "rnn")):
        matrices = [v for v in inputs[1:] if v.dim() == 2 and not isinstance(v.shape[0], torch.SymInt)]
        steps = size_of(inputs[0]) / _int(inputs[0].shape[-1])
        return 2.0 * steps * sum(_elements(m.shape) for m in matrices) / batch
    largest = max([out, *(size_of(v) for v in inputs)]) if kind in ("mean", "sum", "softmax") else out
    return largest / batch


def size_of(value: Tensor) -> int:
    """Return the number of elements of a traced tensor at the examples' size."""
    return _elements(value.shape)


def _elements(shape: Any) -> int:
    return math.prod(_int(size) for size in shape)


def _int(size: Any) -> int:
    if isinstance(size, torch.SymInt):
        hint = size.node.hint
        return int(hint) if hint is not None else 1
    return int(size)
