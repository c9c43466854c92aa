"""A chip model's network in software, the matrices that tiles hold as its parameters, so that these can be changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import torch
from torch import Tensor, nn

from pcmesh.analysis.batches import call
from pcmesh.deployed.ends import Ends
from pcmesh.deployed.model import ChipModel
from pcmesh.network.capture import capture
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork, Lowering, Pins, capture_program
from pcmesh.network.own_code.capture import EagerNetwork
from pcmesh.network.products import Products

_LIST = "matrices"


class FloatNetwork(nn.Module):
    """The network of a chip model without the chip; copies and other processes get matrices of their own.

    A matrix is what is programmed: with the gains of its columns, which are undone behind it, copies or expansion.

    Args:
        captured: the network.
        block: (rows, columns) of a tile.
        pins: modules that are kept digital or analog.
        ends: of the products that are on the chip.
        gains: of the columns of each of these.
        weights: matrices that stand in for the network's own, in the order of its products.
    """

    def __init__(
        self,
        captured: CapturedNetwork,
        block: tuple[int, int],
        pins: Pins,
        ends: Mapping[str, Ends],
        gains: Mapping[str, Tensor],
        weights: list[Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.captured, self.block, self.pins, self.ends, self.gains = captured, block, pins, ends, gains
        own = [ends.get(p.name, Ends()).weight(p.weight) * gains.get(p.name, 1.0) for p in captured.products]
        self.matrices = nn.ParameterList([w.detach().clone() for w in (own if weights is None else weights)])
        self.requires_grad_(False)

    @classmethod
    def of(cls, model: ChipModel) -> FloatNetwork:
        """Return the network of a chip model."""
        program, tile = model.program, model.program.chip.tile
        gains = {product.name: model.side.gains(product.name) for product in program.products}
        block = (tile.rows, tile.columns)
        return cls(program.captured, block, program.choice.pins, dict(model.side.ends), gains)

    def parameter_of(self, product: str) -> str:
        """Return the name of the parameter that holds a product's matrix."""
        return f"{_LIST}.{[entry.name for entry in self.captured.products].index(product)}"

    def forward(self, inputs: Any) -> Any:
        """Run the network on what `example_inputs` look like."""
        matrices = dict(zip((product.name for product in self.captured.products), self.matrices, strict=True))
        with torch.no_grad(), self.captured.runtime.computing(_Ended(matrices, self.ends, self.gains)):
            return call(self.captured.module, inputs)

    def __deepcopy__(self, _memo: dict[int, Any]) -> FloatNetwork:
        return FloatNetwork(self.captured, self.block, self.pins, self.ends, self.gains, list(self.matrices))

    def __reduce__(self) -> tuple[Callable[..., FloatNetwork], tuple[Any, ...]]:
        """Let another process capture the network anew, from its graph or from the user's own module."""
        captured = self.captured
        made: Any = captured.module.network if isinstance(captured.module, EagerNetwork) else None
        if captured.program is not None:
            file = BytesIO()
            torch.export.save(captured.program, file)
            made = file.getvalue()
        given = captured.examples
        example = (given.args, dict(given.kwargs), given.batch_dim)
        weights = [matrix.data for matrix in self.matrices]
        own = (self.block, dict(self.pins), dict(self.ends), dict(self.gains), weights)
        return _captured_anew, (made, example, dict(captured.tied), captured.lowered, own)


@dataclass(frozen=True)
class _Ended(Products):
    """Products in float32 with the matrices that are programmed."""

    matrices: Mapping[str, Tensor]
    ends: Mapping[str, Ends]
    gains: Mapping[str, Tensor]

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return the product."""
        del keys
        return self.ends.get(layer, Ends()).inputs(x) @ self.matrices[layer] / self.gains.get(layer, 1.0)


def _captured_anew(
    made: bytes | nn.Module,
    example: tuple[Any, Any, int | None],
    tied: dict[str, tuple[str, ...]],
    passes: tuple[Lowering, ...],
    own: tuple[tuple[int, int], Pins, dict[str, Ends], dict[str, Tensor], list[Tensor]],
) -> FloatNetwork:
    examples, (block, pins, *_) = Examples.of_size(*example), own
    if isinstance(made, nn.Module):
        captured = capture(made, examples, block, pins, None, "eager")
    else:
        captured = capture_program(torch.export.load(BytesIO(made)), examples, block, pins, tied)
    for entry in passes:
        captured = entry.after(captured)
    return FloatNetwork(captured, *own)
