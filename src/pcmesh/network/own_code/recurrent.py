"""LSTM, GRU and RNN layers of a network whose own code runs, packed sequences too: each is taken as a whole.

Below, PyTorch would split them into products of single time steps, and nothing would tell whose rows a step holds. So
are products with a stack of matrices, which PyTorch would copy for every sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import _disable_current_modes

from pcmesh.network.layers import AnalogRecurrent, CellCalls, InputSigns, recurrent_cells
from pcmesh.network.layers.gates import Kind
from pcmesh.network.own_code.contraction import contracted, whole_function
from pcmesh.network.own_code.seen import OwnCodeRun
from pcmesh.network.products import ProductCall

_KINDS: dict[Any, Kind] = {getattr(torch._VF, kind): kind for kind in get_args(Kind)}


class RecurrentCalls(TorchFunctionMode):
    """Sends whole recurrent layers, and products with stacks of matrices, to the chip; all else passes."""

    def __init__(self, run: OwnCodeRun) -> None:
        super().__init__()
        self.run = run

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kind = _KINDS.get(func)
        if kind is None or not self._taken(args):
            found = self._of_stack(func, args) if not kwargs else None
            return func(*args, **(kwargs or {})) if found is None else found
        packed = isinstance(args[1], Tensor) and args[1].dtype == torch.int64
        x, (state, parameters, has_biases) = args[0], args[2:5] if packed else args[1:4]
        both, batch_first = bool(args[8 if packed else 7]), not packed and bool(args[8])
        with torch.no_grad(), _disable_current_modes():
            layer = self._layer(kind, parameters, bool(has_biases), both, batch_first)
            found = layer(x, state, self.run.copy.packing if packed else None)
        names = [name for calls in layer.calls for name in calls.names]
        weights = sum(self.run.seen.catalogue.weights[name].numel() for name in names)
        cost = 2.0 * weights * x.numel() / x.shape[-1]
        self.run.note(kind, names, (x, state), found, cost, layer.cells)
        return found

    def _of_stack(self, func: Any, args: Any) -> Tensor | None:
        """Return the result of a product with a weight that has a matrix for each of some index."""
        whole = whole_function(func, args)
        if whole is None:
            return None
        stacks = [leaf for leaf in pytree.tree_leaves(args) if isinstance(leaf, Tensor) and leaf.dim() > 2]
        if not any(map(self.run.on_tiles, stacks)):
            return None
        with torch.no_grad(), _disable_current_modes():
            return contracted(self.run, *whole, {})

    def _taken(self, args: Any) -> bool:
        packed = isinstance(args[1], Tensor) and args[1].dtype == torch.int64
        weights = [tensor for tensor in args[3 if packed else 2] if tensor.dim() >= 2]
        return bool(weights) and all(self.run.on_tiles(weight) for weight in weights)

    def _layer(
        self, kind: Kind, parameters: Sequence[Tensor], has_biases: bool, both: bool, batch_first: bool
    ) -> AnalogRecurrent:
        """Return the layer, with noise of its own for each time that it is called in a run."""
        run = self.run

        def call(weight: Tensor, signed: bool) -> ProductCall:
            return run.seen.catalogue.call(weight.t(), run.sources(weight), run.where, signed)

        def make() -> list[Any]:
            return recurrent_cells(kind, parameters, has_biases, both, InputSigns(), call, lambda tensor: tensor)

        cells = run.once((kind, both), parameters[0], make)
        turn = run.turn((kind, run.sources(parameters[0])))
        own = [(_of_turn(calls, turn), *affine) for calls, *affine in cells]
        return AnalogRecurrent(kind, own, both, batch_first)


def _of_turn(calls: CellCalls, turn: int) -> CellCalls:
    if turn == 0:
        return calls
    parts = (calls.input, calls.state, calls.project)
    return CellCalls(*(None if part is None else replace(part, site=turn) for part in parts))  # type: ignore[arg-type]
