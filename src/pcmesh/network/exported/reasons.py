"""Why an operation of an exported graph stays digital."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from pcmesh.network.operations.contraction import CONTRACTIONS, contraction_of
from pcmesh.network.operations.records import (
    ANY_OTHER,
    COMPUTED_BIAS,
    COMPUTED_FACTORS,
    FUSED,
    NOT_TAKEN_APART,
    NOTHING_SUMMED,
    OF_NO_WEIGHT,
    WHOLE_NUMBERS,
    Rule,
)
from pcmesh.network.operations.rewrite import Context
from pcmesh.network.operations.signs import kind_of
from pcmesh.network.operations.table import record_of


def digital_rule(node: fx.Node, context: Context) -> Rule:
    """Return the rule of an operation that does not run on tiles, pins aside."""
    kind = kind_of(node)
    rule = record_of(kind).digital
    if rule == COMPUTED_FACTORS:
        return _of_product(node, kind, context)
    weights = [entry for entry in node.all_input_nodes if context.is_weight(entry)]
    matrices = [weight for weight in weights if _value(weight).dim() >= 2]
    if not matrices:
        return rule
    if kind == "scaled_dot_product_attention":
        return FUSED
    return NOT_TAKEN_APART if rule == ANY_OTHER and not _is_elementwise(node) else rule


def _of_product(node: fx.Node, kind: str, context: Context) -> Rule:
    found = None
    if kind in CONTRACTIONS:
        found = contraction_of(kind, node.args, node.kwargs, lambda entry: _value(entry).shape)
    factors = (
        node.all_input_nodes if found is None else [entry for entry in found.factors if isinstance(entry, fx.Node)]
    )
    fixed = [entry for entry in factors if context.constants.is_constant(entry)]
    if any(map(context.is_weight, fixed)):
        return COMPUTED_BIAS if kind.startswith("conv") else NOTHING_SUMMED if found is not None else COMPUTED_FACTORS
    if any(map(context.constants.sources, fixed)):
        return WHOLE_NUMBERS
    matrices = [entry for entry in fixed if _value(entry).dim() >= 2]
    return OF_NO_WEIGHT if matrices and record_of(kind).analog is not None else COMPUTED_FACTORS


def _is_elementwise(node: fx.Node) -> bool:
    """Return whether an operation's result has the shape to which its inputs are broadcast."""
    shapes = [_value(entry).shape for entry in node.all_input_nodes if isinstance(entry.meta.get("val"), Tensor)]
    out = node.meta.get("val")
    try:
        broadcast = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
        return isinstance(out, Tensor) and out.shape == broadcast
    except RuntimeError:
        return False


def _value(node: fx.Node) -> Any:
    return node.meta["val"]
