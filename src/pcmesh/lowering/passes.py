"""Lowering passes: what is changed between a network as it is written and the matrices that tiles hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pcmesh.checks import unknown
from pcmesh.errors import VerificationError
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.fresh import fresh_copy
from pcmesh.network.products import MatrixProduct, SoftwareProducts

_TOLERANCE = 1e-3
"""A pass may change a network's outputs by this share of the largest one: sums are taken in another order."""


class Pass:
    """One change of a network that leaves what it computes as it is; its fields are its options.

    A pass changes the module before it is captured, or its matrices afterwards, or both.
    """

    def before(self, network: nn.Module) -> nn.Module:
        """Return the module, changed; it may be taken over."""
        return network

    def after(self, captured: CapturedNetwork) -> CapturedNetwork:
        """Return the captured network, changed; it may be taken over."""
        return captured


def prepared(network: nn.Module, passes: Sequence[Pass]) -> nn.Module:
    """Return a network as the passes change it before it is captured; the network itself stays as it is."""
    if not passes:
        return network
    own = fresh_copy(network)
    for entry in passes:
        own = entry.before(own)
    return own


def lowered(captured: CapturedNetwork, passes: Sequence[Pass], wanted: nn.Module) -> CapturedNetwork:
    """Return a captured network as the passes change it, verified: it gives what the network gives.

    Args:
        captured: of the network that `prepared` returned.
        passes: in order.
        wanted: the network without any pass.

    Raises:
        VerificationError: it gives something else for the examples.
    """
    if not passes:
        return captured
    captured = passed(captured, passes)
    _verify(captured, wanted)
    return captured


def passed(captured: CapturedNetwork, passes: Sequence[Pass]) -> CapturedNetwork:
    """Return a captured network as the passes change it, not verified."""
    for entry in passes:
        captured = entry.after(captured)
    return replace(captured, lowered=(*captured.lowered, *passes))


def chosen(captured: CapturedNetwork, entries: Sequence[str]) -> list[MatrixProduct]:
    """Return the products that some names of products or modules stand for.

    Raises:
        ConfigurationError: a name stands for none.
    """
    found: dict[str, MatrixProduct] = {}
    for entry in entries:
        own = {product.name: product for product in captured.products if product.is_named(entry)}
        if not own:
            raise unknown("layer", entry, [product.name for product in captured.products])
        found |= own
    return list(found.values())


def _verify(captured: CapturedNetwork, wanted: nn.Module) -> None:
    examples, plain = captured.examples, fresh_copy(wanted)
    software = SoftwareProducts(captured.weights)
    with torch.no_grad(), captured.runtime.computing(software, size=examples.size):
        ours, theirs = (_outputs(module, examples) for module in (captured.module, plain))
    for ours_, theirs_ in zip(ours, theirs, strict=True):
        error = (ours_ - theirs_).abs().max() if ours_.numel() else torch.zeros(())
        if not error <= _TOLERANCE * theirs_.abs().max().clamp(min=1e-9):
            names = ", ".join(type(entry).__name__ for entry in captured.lowered)
            raise VerificationError(
                f"{names}: the network's outputs change by up to {float(error):.3g}",
                "Leave out the pass: something else uses what it changes",
            )


def _outputs(module: nn.Module, examples: Examples) -> list[Tensor]:
    leaves = pytree.tree_leaves(module(*examples.args, **examples.kwargs))
    return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point()]
