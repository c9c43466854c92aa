"""A captured network in software, its matrices as parameters: what is changed there is what tiles would hold."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import torch
from torch import nn

from pcmesh.chip_model.batches import call
from pcmesh.chip_model.model import Deployment
from pcmesh.model.capture import capture
from pcmesh.model.eager import EagerNetwork
from pcmesh.model.examples import Examples
from pcmesh.model.exported import CapturedNetwork, Pins, capture_program
from pcmesh.model.products import SoftwareProducts

_LIST = "matrices"


class FloatNetwork(nn.Module):
    """The network of a chip model without the chip; copies and other processes get matrices of their own.

    Args:
        captured: the network.
        block: (rows, columns) of a tile.
        pins: modules that are kept digital or analog.
        weights: matrices that stand in for the network's own, in the order of its products.
    """

    def __init__(
        self,
        captured: CapturedNetwork,
        block: tuple[int, int],
        pins: Pins,
        weights: list[torch.Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.captured, self.block, self.pins = captured, block, pins
        own = [product.weight for product in captured.products]
        self.matrices = nn.ParameterList([w.detach().clone() for w in (own if weights is None else weights)])
        self.requires_grad_(False)

    @classmethod
    def of(cls, deployment: Deployment) -> FloatNetwork:
        """Return the network of a chip model."""
        tile = deployment.chip.tile
        return cls(deployment.captured, (tile.rows, tile.columns), deployment.choice.pins)

    def parameter_of(self, product: str) -> str:
        """Return the name of the parameter that holds a product's matrix."""
        return f"{_LIST}.{[entry.name for entry in self.captured.products].index(product)}"

    def forward(self, inputs: Any) -> Any:
        """Run the network on what `example_inputs` look like."""
        runtime = self.captured.runtime
        before, names = runtime.products, [product.name for product in self.captured.products]
        runtime.products, runtime.samples = SoftwareProducts(dict(zip(names, self.matrices, strict=True))), None
        try:
            with torch.no_grad():
                return call(self.captured.module, inputs)
        finally:
            runtime.products = before

    def __deepcopy__(self, _memo: dict[int, Any]) -> FloatNetwork:
        return FloatNetwork(self.captured, self.block, self.pins, list(self.matrices))

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
        return _captured_anew, (made, example, self.block, dict(self.pins), dict(captured.tied), weights)


def _captured_anew(
    made: bytes | nn.Module,
    example: tuple[Any, Any, int | None],
    block: tuple[int, int],
    pins: Pins,
    tied: dict[str, tuple[str, ...]],
    weights: list[torch.Tensor],
) -> FloatNetwork:
    examples = Examples.of_size(*example)
    if isinstance(made, nn.Module):
        return FloatNetwork(capture(made, examples, block, pins, None, "eager"), block, pins, weights)
    program = torch.export.load(BytesIO(made))
    return FloatNetwork(capture_program(program, examples, block, pins, tied), block, pins, weights)
