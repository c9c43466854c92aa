"""Why an operation of a network whose own code runs stays digital, and what it costs."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree

from pcmesh.network.operations.contraction import contraction_of
from pcmesh.network.operations.records import (
    ANY_OTHER,
    COMPUTED_FACTORS,
    CONSTANT,
    FUSED,
    NOT_TAKEN_APART,
    OF_NO_WEIGHT,
    WHOLE_NUMBERS,
    Rule,
)
from pcmesh.network.operations.table import record_of
from pcmesh.network.own_code.seen import OwnCodeRun


def digital_rule(run: OwnCodeRun, kind: str, args: Any, kwargs: Any, out: Any) -> tuple[Rule, float]:
    """Return the rule of an operation that does not run on tiles, and its scalar operations in all."""
    tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    if tensors and all(map(run.sources, tensors)):
        return CONSTANT, 0.0
    rule = _rule(run, kind, tensors, out)
    if record_of(kind).analog is not None and run.pinned is not None:
        rule = Rule("digital", f"pinned ({run.pinned})")
    return rule, _cost(kind, args, kwargs, out, rule)


def _rule(run: OwnCodeRun, kind: str, tensors: list[Tensor], out: Any) -> Rule:
    rule = record_of(kind).digital
    matrices = [tensor for tensor in tensors if tensor.dim() >= 2 and run.known.sources(tensor) is not None]
    weights = [tensor for tensor in matrices if run.sources(tensor)]
    if rule == COMPUTED_FACTORS:
        if any(not weight.is_floating_point() for weight in weights):
            return WHOLE_NUMBERS
        return OF_NO_WEIGHT if matrices and not weights else COMPUTED_FACTORS
    if not weights:
        return rule
    if kind.startswith("_scaled_dot_product"):
        return FUSED
    alike = isinstance(out, Tensor) and all(out.dim() >= weight.dim() for weight in weights)
    return NOT_TAKEN_APART if rule == ANY_OTHER and not alike else rule


def _cost(kind: str, args: Any, kwargs: Any, out: Any, rule: Rule) -> float:
    found = contraction_of(kind, args, kwargs, lambda factor: factor.shape)
    if found is not None:
        return 2.0 * found.multiply_adds
    if kind == "convolution":
        x, weight, transposed = args[0], args[1], args[6]
        return 2.0 * float((x if transposed else out).numel() * weight[0].numel())
    first = next((leaf for leaf in pytree.tree_leaves(out) if isinstance(leaf, Tensor)), None)
    if kind.startswith("_scaled_dot_product"):
        return 4.0 * float(args[0].numel() * args[1].shape[-2])
    return 0.0 if first is None else first.numel() * rule.cost
