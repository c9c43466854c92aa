"""Sums of products with weights over any dimensions, in a network whose own code runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pcmesh.network.layers import AnalogContraction, ContractionStep, planned
from pcmesh.network.operations.contraction import Contraction, contraction_of
from pcmesh.network.own_code.seen import OwnCodeRun, SeenProducts

WHOLE_FUNCTIONS = {
    torch.matmul: "matmul",
    Tensor.matmul: "matmul",
    Tensor.__matmul__: "matmul",
    torch.einsum: "einsum",
}
"""Functions that PyTorch splits into products of copies of a weight, as many as there are samples."""


def contracted(run: OwnCodeRun, kind: str, args: Any, kwargs: Any) -> Tensor | None:
    """Return the result of an operation with its products on tiles, or None where it has none with a weight."""
    found = contraction_of(kind, args, kwargs, lambda factor: factor.shape)
    if found is None:
        return None
    is_weight = [run.on_tiles(factor) for factor in found.factors]
    if not any(is_weight) or all(map(run.sources, found.factors)):
        return None
    single = _without_repeats(found, is_weight)
    read = contraction_of(kind, args, kwargs, lambda factor: single[id(factor)].shape)
    assert read is not None
    factors = [single[id(factor)] for factor in read.factors]

    def products(step: ContractionStep, matrices: Sequence[Tensor]) -> SeenProducts:
        return run.gathered(run.sources(read.factors[step.weight]), matrices)

    def make() -> AnalogContraction | None:
        return planned(read, is_weight, lambda number: factors[number], products)

    first = is_weight.index(True)
    key = (read.labels, read.out, read.factor, read.term_factor, tuple(is_weight))
    layer: AnalogContraction | None = run.once(key, factors[first], make, run.sources(read.factors[first]))
    if layer is None:
        return None
    out: Tensor = layer(read.term, *(factors[number] for number in layer.plan.inputs))
    names = [name for own in layer.products for name in own.names]  # type: ignore[attr-defined]
    run.note(kind, names, (args, kwargs), out, 2.0 * read.multiply_adds)
    return out


def whole_function(func: Any, args: Any) -> tuple[str, Any] | None:
    """Return a function's name and arguments as ATen's, where it is to be taken as a whole."""
    kind = WHOLE_FUNCTIONS.get(func)
    if kind != "einsum":
        return None if kind is None else (kind, args)
    if not isinstance(args[0], str):
        return None
    operands = args[1] if len(args) == 2 and isinstance(args[1], list | tuple) else args[1:]
    return kind, (args[0], list(operands))


def _without_repeats(found: Contraction, is_weight: Sequence[bool]) -> dict[int, Tensor]:
    """Return the factors by identity, weights without dimensions over which they only repeat for another factor."""
    single = {}
    computed = {label for own, flag in zip(found.labels, is_weight, strict=True) if not flag for label in own}
    for factor, own, flag in zip(found.factors, found.labels, is_weight, strict=True):
        single[id(factor)] = factor
        for dim, label in enumerate(own if flag else ()):
            if factor.stride(dim) == 0 and factor.shape[dim] > 1 and label in computed:
                single[id(factor)] = single[id(factor)].narrow(dim, 0, 1)
    return single
