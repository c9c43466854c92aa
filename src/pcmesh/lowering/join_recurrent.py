"""Joined recurrent weights: Wx and Wh in one matrix whose rows are [x, h], so that a step is one product.

The capacitors add both shares: one vector goes to the tiles and one comes back for each step, instead of two each.
Source: Ambrogio et al. 2023, Methods "RNNT weights and network mapping" (Enc-LSTM3, 4 and the decoder).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from pcmesh.errors import ConfigurationError
from pcmesh.lowering.passes import Pass, chosen
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.layers import AnalogCell, AnalogRecurrent, CellCalls
from pcmesh.network.layers.gates import Kind
from pcmesh.network.own_code.capture import EagerNetwork
from pcmesh.network.products import MatrixProduct, Operation, ProductCall


@dataclass(frozen=True)
class JoinRecurrent(Pass):
    """Join Wx and Wh of recurrent layers.

    Attributes:
        layers: names of modules or matrices; empty: all LSTMs and simple RNNs.
    """

    layers: tuple[str, ...] = ()

    def after(self, captured: CapturedNetwork) -> CapturedNetwork:
        """Return the network with one matrix for each layer and direction.

        Raises:
            ConfigurationError: a name stands for no matrix, or for one that cannot be joined.
        """
        wanted = {product.name for product in chosen(captured, self.layers)} if self.layers else None
        joiner = _Joiner(captured, wanted)
        _change(captured.module, joiner.joined)
        return joiner.network()


_Change = Callable[[Kind, CellCalls], CellCalls]


class _Joiner:
    def __init__(self, captured: CapturedNetwork, wanted: set[str] | None) -> None:
        self.captured, self.wanted = captured, wanted
        self.products = {product.name: product for product in captured.products}
        self.names: dict[str, str] = {}  # Wx or Wh -> the matrix that takes its place
        self.sites: dict[str, str] = {}  # Wh -> the joined matrix, whose rows are the samples' that Wh's were
        self.made: dict[str, MatrixProduct] = {}

    def joined(self, kind: Kind, calls: CellCalls) -> CellCalls:
        """Return the calls of a layer with one product for both shares."""
        if calls.state is None or not self._chosen(kind, calls):
            return calls
        wx, wh = self.products[calls.input.name], self.products[calls.state.name]
        if kind == "gru":
            raise ConfigurationError(
                f"layer {wx.name}: a GRU's candidate needs the state's share alone, so its matrices cannot be joined",
                "Join LSTMs and simple RNNs",
            )
        name = self.names.get(wx.name) or self._free_name(wx.name.replace("weight_ih", "weight"))
        if (self.names.setdefault(wx.name, name), self.names.setdefault(wh.name, name)) != (name, name):
            raise ConfigurationError(f"layer {wx.name}: another layer uses its weights with others", "Do not join it")
        signed = wx.signed or wh.signed
        weight = torch.cat((wx.weight, wh.weight))
        self.made[name] = MatrixProduct(name, weight, signed, (*wx.parameters, *wh.parameters), wx.sites)
        self.sites[wh.name] = name
        call = ProductCall(calls.input.runtime, name, calls.state.site, {name: signed})
        return CellCalls(call, None, calls.project)

    def network(self) -> CapturedNetwork:
        """Return the network with the joined matrices in the place of the inputs'."""
        if not self.made:
            raise ConfigurationError("there is no LSTM or simple RNN to join", "Leave the pass out")
        used = [name for entry in self.captured.operations if not entry.cells for name in entry.products]
        for name in used:
            if name in self.names:
                raise ConfigurationError(f"layer {name}: its weights are used elsewhere, too", "Do not join it")
        weights = self.captured.runtime.weights
        entries = [self._product(product) for product in self.captured.products]
        products = tuple({product.name: product for product in entries}.values())
        weights.clear()
        weights.update({product.name: product.weight for product in products})
        runtime = self.captured.runtime
        if runtime.attribution is not None:
            runtime.attribution = runtime.attribution.renamed(self.sites)
        operations = tuple(self._operation(entry) for entry in self.captured.operations)
        return replace(self.captured, products=products, operations=operations)

    def _product(self, product: MatrixProduct) -> MatrixProduct:
        return self.made[self.names[product.name]] if product.name in self.names else product

    def _chosen(self, kind: Kind, calls: CellCalls) -> bool:
        assert calls.state is not None
        if self.wanted is None:
            return kind != "gru"
        return bool(self.wanted & {calls.input.name, calls.state.name})

    def _free_name(self, name: str) -> str:
        return name if name not in self.products else f"{name}.joined"

    def _operation(self, operation: Operation) -> Operation:
        cells = tuple(cell._replace(together=self._renamed(cell.together)) for cell in operation.cells)
        return replace(operation, products=self._renamed(operation.products), cells=cells)

    def _renamed(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.names.get(name, name) for name in names))


def _change(module: nn.Module, change: _Change) -> None:
    if isinstance(module, EagerNetwork):
        module.change_recurrent(change)
    for entry in module.modules():
        if isinstance(entry, AnalogRecurrent):
            entry.calls = [change(entry.kind, calls) for calls in entry.calls]
        elif isinstance(entry, AnalogCell):
            entry.calls = change(entry.kind, entry.calls)
