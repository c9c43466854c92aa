"""Centred inputs: each sample's (or vector's) mean taken off and the rest scaled to the pulses, undone behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pcmesh.lowering.passes import Pass, chosen
from pcmesh.network.centring import Centring, Scope
from pcmesh.network.exported.capture import CapturedNetwork


@dataclass(frozen=True)
class CentreInputs(Pass):
    """Centre the inputs of some layers; see `pcmesh.network.centring`.

    Attributes:
        layers: names of modules or matrices.
        scope: what has one mean and one scale: a `sample`, or each `vector`.
    """

    layers: tuple[str, ...]
    scope: Scope = "sample"

    def after(self, captured: CapturedNetwork) -> CapturedNetwork:
        """Return the network with these inputs centred; they have both signs then.

        Raises:
            ConfigurationError: a name stands for no matrix.
        """
        names = {product.name for product in chosen(captured, self.layers)}
        centred = captured.runtime.centred
        centred.update({p.name: Centring(self.scope, p.weight.sum(0)) for p in captured.products if p.name in names})
        products = tuple(replace(p, signed=True) if p.name in names else p for p in captured.products)
        return replace(captured, products=products)
