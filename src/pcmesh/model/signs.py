"""Which values of a graph cannot be negative: their vectors need half of the integration steps.

A value counts as such only where the operations that make it prove it; where the proof rests on the type of an input
(booleans, unsigned integers), the product checks it again when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from pcmesh.model.constants import Constants
from pcmesh.model.operations import words

Proven = Callable[[Any], bool]

_ALWAYS = frozenset(
    words(
        "relu relu6 sigmoid hardsigmoid softmax _softmax abs absolute exp exp2 square linalg_vector_norm norm std "
        "sqrt rsqrt cosh cdist pairwise_distance one_hot argmax argmin count_nonzero sym_size sym_numel "
        "zeros zeros_like new_zeros zero ones ones_like new_ones eye "
    )
)
_MOVES = frozenset(
    words(
        "view reshape flatten unflatten transpose permute t contiguous clone squeeze unsqueeze slice select alias "
        "expand expand_as view_as detach narrow flip roll rot90 repeat tile movedim swapaxes diagonal tril triu "
        "index index_select gather take masked_select embedding unfold im2col pixel_shuffle pixel_unshuffle "
        "channel_shuffle numpy_T chunk split split_with_sizes tensor_split unbind unsafe_split getitem lift_fresh "
        "lift_fresh_copy _unsafe_view broadcast_to repeat_interleave as_strided dropout feature_dropout identity "
        "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d "
        "amax amin max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
        "max_pool3d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d topk sort median cummax "
        "upsample_nearest1d upsample_nearest2d upsample_nearest3d max_unpool2d max_unpool3d "
    )
)
_KEEPS = frozenset(
    words(
        "mean sum cumsum prod adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d avg_pool1d tanh leaky_relu "
        "prelu elu selu celu gelu silu mish hardswish hardshrink softsign log1p expm1 erf atan asinh sinh ceil floor "
        "round trunc frac sign "
    )
)
_UNSIGNED = (torch.bool, torch.uint8, torch.uint16, torch.uint32, torch.uint64)


def kind_of(node: fx.Node) -> str:
    """Return a node's operation without namespace and overload: 'linear' of aten.linear.default."""
    packet = getattr(node.target, "overloadpacket", None)
    return str(getattr(packet, "__name__", None) or getattr(node.target, "__name__", node.target))


class Signs:
    """Proves that values of a graph cannot be negative.

    Args:
        constants: evaluates what depends on weights alone.
    """

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self._known: dict[fx.Node, bool] = {}

    def nonnegative(self, value: Any) -> bool:
        """Return whether a node's value, a number, or every entry of a list can never be negative."""
        if isinstance(value, list | tuple):
            return all(self.nonnegative(entry) for entry in value)
        if not isinstance(value, fx.Node):
            return isinstance(value, int | float) and value >= 0
        if value not in self._known:
            self._known[value] = self._prove(value)
        return self._known[value]

    def _prove(self, node: fx.Node) -> bool:
        dtype = getattr(node.meta.get("val"), "dtype", None)
        if dtype in _UNSIGNED:
            return True
        if self.constants.is_constant(node):
            value = self.constants.value(node)
            return isinstance(value, Tensor) and not value.is_complex() and bool((value >= 0).all())
        if node.op != "call_function":
            return False
        kind = kind_of(node).rstrip("_")
        rounded = dtype is not None and not dtype.is_floating_point  # whole numbers with a sign wrap around
        if kind in _ALWAYS:
            return not rounded or kind not in ("abs", "absolute", "square")
        if kind in _MOVES:
            return self.nonnegative(node.args[0])
        if rounded:
            return False
        if kind in _KEEPS:
            return self.nonnegative(node.args[0])
        return kind in _RULES and _RULES[kind](node, self.nonnegative)


def _argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _all_of(*places: tuple[int, str, Any]) -> Callable[[fx.Node, Proven], bool]:
    """Return the rule of an operation whose result is not negative where these arguments are not."""
    return lambda node, proven: all(proven(_argument(node, *place)) for place in places)


def _any_of(*positions: int) -> Callable[[fx.Node, Proven], bool]:
    return lambda node, proven: any(proven(node.args[position]) for position in positions)


def _product(node: fx.Node, proven: Proven) -> bool:
    x, y = node.args[0], _argument(node, 1, "other")
    return x is y or (proven(x) and proven(y))


def _power(node: fx.Node, proven: Proven) -> bool:
    exponent = _argument(node, 1, "exponent")
    return proven(node.args[0]) or (isinstance(exponent, int | float) and exponent % 2 == 0)


def _clamp(low: Any, high: Any) -> Callable[[fx.Node, Proven], bool]:
    """Return the rule of clamping, with these limits by default (a lower limit above the upper one gives the upper)."""

    def rule(node: fx.Node, proven: Proven) -> bool:
        least = _argument(node, 1, "min", node.kwargs.get("min_val", low))
        most = _argument(node, 2, "max", node.kwargs.get("max_val", high))
        return (most is None or proven(most)) and (proven(node.args[0]) or (least is not None and proven(least)))

    return rule


def _clamp_max(node: fx.Node, proven: Proven) -> bool:
    return proven(node.args[0]) and proven(_argument(node, 1, "max"))


def _maximum(node: fx.Node, proven: Proven) -> bool:
    others = [entry for entry in node.args[:2] if isinstance(entry, fx.Node)]
    return any(proven(entry) for entry in others)  # of one value, or of two


def _minimum(node: fx.Node, proven: Proven) -> bool:
    return all(proven(entry) for entry in node.args[:2] if isinstance(entry, fx.Node))


def _threshold(node: fx.Node, proven: Proven) -> bool:
    least, value = _argument(node, 1, "threshold"), _argument(node, 2, "value")
    return proven(value) and (proven(least) or proven(node.args[0]))


def _pad(node: fx.Node, proven: Proven) -> bool:
    value = _argument(node, 3, "value")
    return proven(node.args[0]) and (value is None or proven(value))


def _to(node: fx.Node, proven: Proven) -> bool:
    return proven(node.args[0])  # to a floating-point type: `Signs` refuses others


def _pool(node: fx.Node, proven: Proven) -> bool:
    divisor = _argument(node, 6, "divisor_override")
    return proven(node.args[0]) and (divisor is None or proven(divisor))


def _nan_to_num(node: fx.Node, proven: Proven) -> bool:
    fills = (_argument(node, 1, "nan"), _argument(node, 2, "posinf"))
    return proven(node.args[0]) and all(fill is None or proven(fill) for fill in fills)


_X = (0, "self", None)
_RULES: dict[str, Callable[[fx.Node, Proven], bool]] = {
    "add": _all_of(_X, (1, "other", None), (2, "alpha", 1)),
    "addcmul": _all_of(_X, (1, "tensor1", None), (2, "tensor2", None), (3, "value", 1)),
    "mul": _product,
    "multiply": _product,
    "div": _all_of(_X, (1, "other", None)),
    "true_divide": _all_of(_X, (1, "other", None)),
    "pow": _power,
    "clamp": _clamp(None, None),
    "clip": _clamp(None, None),
    "clamp_min": _clamp(None, None),
    "clamp_max": _clamp_max,
    "hardtanh": _clamp(-1.0, 1.0),
    "threshold": _threshold,
    "softplus": _all_of((1, "beta", 1)),
    "maximum": _any_of(0, 1),
    "minimum": _all_of(_X, (1, "other", None)),
    "max": _maximum,
    "min": _minimum,
    "cat": _all_of((0, "tensors", None)),
    "concat": _all_of((0, "tensors", None)),
    "stack": _all_of((0, "tensors", None)),
    "hstack": _all_of((0, "tensors", None)),
    "vstack": _all_of((0, "tensors", None)),
    "where": _all_of((1, "self", None), (2, "other", None)),
    "masked_fill": _all_of(_X, (2, "value", None)),
    "fill": _all_of((1, "value", None)),
    "full": _all_of((1, "fill_value", None)),
    "full_like": _all_of((1, "fill_value", None)),
    "new_full": _all_of((2, "fill_value", None)),
    "copy": _all_of((1, "src", None)),
    "slice_scatter": _all_of(_X, (1, "src", None)),
    "select_scatter": _all_of(_X, (1, "src", None)),
    "index_put": _all_of(_X, (2, "values", None)),
    "scaled_dot_product_attention": _all_of((2, "value", None)),
    "constant_pad_nd": _all_of(_X, (2, "value", 0)),
    "pad": _pad,
    "to": _to,
    "_to_copy": _to,
    "type_as": _to,
    "avg_pool2d": _pool,
    "avg_pool3d": _pool,
    "nan_to_num": _nan_to_num,
}
"""Operation without its trailing underscore -> whether it cannot give negative values."""
