"""Weights in contractions of a graph, also those that are repeated for every sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import fx

from pcmesh.network.operations.contraction import Contraction, contraction_of
from pcmesh.network.operations.signs import kind_of


class Weight(NamedTuple):
    """A factor that is a weight, before it is repeated: its node, and its sizes with 1 where it is repeated."""

    source: fx.Node
    shape: tuple[int, ...]


def contraction_with_weights(
    node: fx.Node, is_weight: Callable[[Any], bool]
) -> tuple[Contraction, dict[int, Weight]] | None:
    """Return a node as a contraction, and those of its factors that are weights by number; None where it is none."""
    whole = contraction_of(kind_of(node), node.args, node.kwargs, shape_of)
    if whole is None:
        return None
    repeated = {entry: own for entry in whole.factors if (own := _repeated(entry, is_weight)) is not None}
    for number, entry in enumerate(whole.factors):
        if entry in repeated and not _stands_elsewhere(whole, number, repeated):
            del repeated[entry]
    found = contraction_of(
        kind_of(node), node.args, node.kwargs, lambda e: repeated[e].shape if e in repeated else shape_of(e)
    )
    assert found is not None
    weights = {n: Weight(e, tuple(shape_of(e))) for n, e in enumerate(found.factors) if is_weight(e)}
    return found, weights | {n: repeated[e] for n, e in enumerate(found.factors) if e in repeated}


def shape_of(entry: Any) -> Any:
    """Return the sizes of a node's value."""
    return entry.meta["val"].shape


def _repeated(entry: Any, is_weight: Callable[[Any], bool]) -> Weight | None:
    if not isinstance(entry, fx.Node) or is_weight(entry) or kind_of(entry) not in ("expand", "repeat", "broadcast_to"):
        return None
    source = entry.args[0]
    if not isinstance(source, fx.Node) or not is_weight(source):
        return None
    shape = [1] * (len(shape_of(entry)) - len(shape_of(source))) + list(shape_of(source))
    grown = [_differs(a, b) for a, b in zip(shape, shape_of(entry), strict=True)]
    return (
        Weight(source, tuple(shape))
        if all(size == 1 for size, more in zip(shape, grown, strict=True) if more)
        else None
    )


def _differs(size: int, after: Any) -> bool:
    return isinstance(after, torch.SymInt) or size != after


def _stands_elsewhere(whole: Contraction, number: int, repeated: dict[Any, Weight]) -> bool:
    """Return whether the labels of a factor's repeated dimensions stand in a factor that is not repeated, too."""
    entry = whole.factors[number]
    sizes = zip(whole.labels[number], repeated[entry].shape, shape_of(entry), strict=True)
    labels = {label for label, size, after in sizes if _differs(size, after)}
    others = (own for e, own in zip(whole.factors, whole.labels, strict=True) if e not in repeated)
    return labels <= {label for own in others for label in own}
