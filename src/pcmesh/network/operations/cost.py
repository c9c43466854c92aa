"""How many scalar operations one sample needs, from the shapes of an exported graph."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

from pcmesh.network.operations.contraction import contraction_of
from pcmesh.network.operations.records import OperationRecord
from pcmesh.network.operations.signs import kind_of


def operation_count(node: fx.Node, record: OperationRecord, batch: int) -> float:
    """Return the scalar operations of a node for one sample: 2 for a multiply-add, 1 for each element otherwise."""
    return (_of_result(node) if record.count is None else record.count(node)) / batch


def vectors_given(result: Any, batch: int) -> tuple[float, int]:
    """Return the vectors of numbers for each sample in an operation's result, and their size; (0, 0) for none."""
    first = next((leaf for leaf in pytree.tree_leaves(result) if isinstance(leaf, Tensor)), None)
    if first is None or not first.is_floating_point() or not first.dim():
        return 0.0, 0
    size = _int(first.shape[-1])
    return size_of(first) / max(size, 1) / batch, size


def contraction(node: fx.Node) -> float:
    """Multiply-adds of a sum of products over any dimensions."""
    found = contraction_of(kind_of(node), node.args, node.kwargs, lambda entry: entry.meta["val"].shape)
    return _of_result(node) if found is None else 2.0 * found.multiply_adds


def convolution(node: fx.Node) -> float:
    """Multiply-adds of a convolution: each output element is a sum over a filter."""
    return 2.0 * _of_result(node) * _elements(_inputs(node)[1].shape[1:])


def transposed(node: fx.Node) -> float:
    """Multiply-adds of a transposed convolution: each input element meets a filter."""
    x, weight = _inputs(node)[:2]
    return 2.0 * size_of(x) * _elements(weight.shape[1:])


def attention(node: fx.Node) -> float:
    """Multiply-adds of queries with keys, and of their weights with values."""
    query, key = _inputs(node)[:2]
    return 4.0 * size_of(query) * _int(key.shape[-2])


def recurrent(node: fx.Node) -> float:
    """Multiply-adds of all matrices in all steps."""
    x, *others = _inputs(node)
    matrices = [v for v in others if v.dim() == 2 and not isinstance(v.shape[0], torch.SymInt)]
    return 2.0 * size_of(x) / _int(x.shape[-1]) * sum(_elements(m.shape) for m in matrices)


def of_inputs(node: fx.Node) -> float:
    """One for each element of the largest input or of the result."""
    return float(max([_of_result(node), *map(size_of, _inputs(node))]))


def _of_result(node: fx.Node) -> int:
    return sum(size_of(value) for value in pytree.tree_leaves(node.meta["val"]) if isinstance(value, Tensor))


def _inputs(node: fx.Node) -> list[Tensor]:
    return [entry.meta["val"] for entry in node.all_input_nodes if isinstance(entry.meta.get("val"), Tensor)]


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
