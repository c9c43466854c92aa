"""An operation of a package: |x W'|, whose product runs on tiles, and all that pcmesh has to know of it."""

from collections.abc import Callable

import torch
from torch import Tensor, fx, nn

from pcmesh.network import AnalogLinear, Context, OperationRecord, Replacement, Rule


@torch.library.custom_op("pcmesh_example::absolute_linear", mutates_args=())
def absolute_linear(x: Tensor, weight: Tensor) -> Tensor:
    """Return |x W'| for x (..., inputs) and weight (outputs, inputs)."""
    return (x @ weight.t()).abs()


@absolute_linear.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0])


class AbsoluteLinear(nn.Module):
    """What stands in for it: the product on tiles, its magnitude digital."""

    def __init__(self, product: AnalogLinear) -> None:
        super().__init__()
        self.product = product

    def forward(self, x: Tensor) -> Tensor:
        """Return the magnitudes."""
        return self.product(x).abs()


def rewrite(node: fx.Node, context: Context) -> Replacement | None:
    """Return the layer where the matrix is a weight."""
    x, weight = node.args
    if not context.is_weight(weight) or context.constants.is_constant(x):
        return None
    call = context.call(node, x, weight, context.constants.value(weight).t())
    return Replacement(AbsoluteLinear(AnalogLinear(call, context.affine(node, None))), (x,), (call.name,))


def count(node: fx.Node) -> float:
    """Return two operations for each multiply-add, and one for each magnitude."""
    x, weight = (entry.meta["val"] for entry in node.args)
    outputs = int(x.shape[:-1].numel()) * weight.shape[0]
    return float(outputs * (2 * weight.shape[1] + 1))


def never_negative(node: fx.Node, proven: Callable[[object], bool]) -> bool:
    """Return whether its result cannot be negative: a magnitude never is."""
    return True


ABSOLUTE_LINEAR = OperationRecord(
    analog=Rule("analog", "the product runs on tiles; magnitudes are digital"),
    digital=Rule("digital", "its matrix is computed at run time"),
    rewrite=rewrite,
    sign=never_negative,
    sign_on_tiles=True,
    count=count,
)
