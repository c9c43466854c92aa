"""Functions of PyTorch that are products, with their factors: training disturbs what the compiler puts on tiles.

`table.OPERATIONS` names products as the compiler meets them (ATen operations), `contraction` reads most of them; here
are the forms that running code calls them in: by keyword, as operators, with lists of operands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from torch import Tensor

from pcmesh.network.operations.contraction import CONTRACTIONS, Contraction, contraction_of

Place = tuple[int | str, ...]
"""Where a tensor stands in a call: a position or a keyword, and a position within a list that stands there."""


@dataclass(frozen=True)
class Factor:
    """A factor of a product, or its bias.

    Attributes:
        place: where it stands in the call.
        value: the tensor.
        rows: its axes that are summed over, from 0: those of a weight are rows of the chip, the others columns. Empty
            where the compiler takes no weight.
        bias: whether it is a bias, which the compiler takes apart from this product only if it is made of weights.
    """

    place: Place
    value: Tensor
    rows: tuple[int, ...]
    bias: bool = False


Group = list[Factor]
Finder = Callable[[Sequence[Any], Mapping[str, Any]], Iterator[Group]]


class _Slot(NamedTuple):
    """A tensor and where it stands."""

    place: Place
    value: Tensor


def _slots(names: str) -> Callable[[Sequence[Any], Mapping[str, Any]], list[Any]]:
    """Return what puts a call's arguments in order, tensors with their places."""

    def read(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        found: list[tuple[Place, Any]] = [((number,), value) for number, value in enumerate(args)]
        found += [((name,), kwargs[name]) for name in names.split()[len(args) :] if name in kwargs]
        return [_Slot(place, value) if isinstance(value, Tensor) else value for place, value in found]

    return read


def _swapped(args: Sequence[Any], _kwargs: Mapping[str, Any]) -> list[Any]:
    return [_Slot((1,), args[1]), _Slot((0,), args[0])]


def _einsum(args: Sequence[Any], _kwargs: Mapping[str, Any]) -> list[Any]:
    if isinstance(args[0], str):
        nested = len(args) == 2 and isinstance(args[1], list | tuple)
        operands = args[1] if nested else args[1:]
        return [args[0], [_Slot((1, n) if nested else (1 + n,), each) for n, each in enumerate(operands)]]
    equation = ",".join(map(_letters, args[1::2])) + (f"->{_letters(args[-1])}" if len(args) % 2 else "")
    return [equation, [_Slot((2 * n,), args[2 * n]) for n in range(len(args) // 2)]]


def _letters(axes: Sequence[Any]) -> str:
    return "".join("..." if axis is ... else chr(ord("A") + axis) for axis in axes)


def _tensordot(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    a, b = _slots("a b")(args[:2], kwargs)
    dims = args[2] if len(args) > 2 else kwargs.get("dims", 2)
    if isinstance(dims, int):
        return [a, b, list(range(a.value.dim() - dims, a.value.dim())), list(range(dims))]
    own, other = (dims if isinstance(dims, list | tuple) else dims.tolist())[:2]
    return [a, b, *([each] if isinstance(each, int) else list(each) for each in (own, other))]


def _chain(args: Sequence[Any], _kwargs: Mapping[str, Any]) -> list[Any]:
    nested = isinstance(args[0], list | tuple)
    return [[_Slot((0, n) if nested else (n,), each) for n, each in enumerate(args[0] if nested else args)]]


def _contraction(kind: str, read: Callable[[Sequence[Any], Mapping[str, Any]], list[Any]]) -> Finder:
    def find(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Group]:
        try:
            found = contraction_of(kind, read(args, kwargs), {}, lambda slot: tuple(slot.value.shape))
        except (ValueError, IndexError, AttributeError):
            return  # PyTorch says what is wrong with the call
        if found is not None:
            yield [Factor(slot.place, slot.value, _rows(found, number)) for number, slot in enumerate(found.factors)]

    return find


def _rows(found: Contraction, number: int) -> tuple[int, ...]:
    """Return the axes of a factor that are summed with the first other factor that shares some."""
    own = found.labels[number]
    for other, labels in enumerate(found.labels):
        summed = tuple(axis for axis, label in enumerate(own) if label in labels and label not in found.out)
        if other != number and summed:
            return summed
    return ()


def _convolution(columns: int) -> Finder:
    read = _slots("input weight bias")

    def find(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Group]:
        x, weight, *bias = (slot for slot in read(args[:3], kwargs) if isinstance(slot, _Slot))
        rows = tuple(axis for axis in range(weight.value.dim()) if axis != columns)
        biases = [Factor(*slot, (), bias=True) for slot in bias]
        yield [Factor(*x, ()), Factor(*weight, rows), *biases]

    return find


def _linear(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Group]:
    """As its contraction says, in a fraction of the time: nothing is called as often."""
    weight = args[1] if len(args) > 1 else kwargs["weight"]
    if weight.dim() == 2 and args:
        yield [
            Factor((0,), args[0], (args[0].dim() - 1,)),
            Factor((1,) if len(args) > 1 else ("weight",), weight, (1,)),
        ]
    else:
        yield from _CONTRACTED_LINEAR(args, kwargs)


def _recurrent(args: Sequence[Any], _kwargs: Mapping[str, Any]) -> Iterator[Group]:
    """A whole recurrent layer: (input, state, weights, ..), or, packed, (data, sizes, state, weights, ..)."""
    where = 3 if isinstance(args[1], Tensor) and isinstance(args[3], list | tuple) else 2
    weights = [Factor((where, n), each, (1,)) for n, each in enumerate(args[where]) if each.dim() == 2]
    yield [Factor((0,), args[0], ()), *weights]


def _cell(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Group]:
    for number, name in enumerate(("input", "hx")):
        (place, x), (own, weight) = (
            ((n,), args[n]) if len(args) > n else ((key,), kwargs[key])
            for n, key in ((number, name), (number + 2, ("w_ih", "w_hh")[number]))
        )
        if isinstance(x, list | tuple):  # the state of an LSTM's cell
            place, x = (*place, 0), x[0]
        yield [Factor(place, x, ()), Factor(own, weight, (1,))]


_READ: Final = {
    "linear": _slots("input weight bias"),
    **dict.fromkeys(("mm", "bmm"), _slots("input mat2")),
    "mv": _slots("input vec"),
    "dot": _slots("input tensor"),
    "addmm": _slots("input mat1 mat2"),
    "addmv": _slots("input mat vec"),
    **dict.fromkeys(("addbmm", "baddbmm"), _slots("input batch1 batch2")),
    "bilinear": _slots("input1 input2 weight bias"),
    "einsum": _einsum,
    "tensordot": _tensordot,
    **dict.fromkeys(("chain_matmul", "linalg_multi_dot"), _chain),
}
_OTHER: Final = _slots("input other")
_CONTRACTED_LINEAR: Final = _contraction("linear", _READ["linear"])
PRODUCTS: Final[dict[str, Finder]] = {
    **{kind: _contraction(kind, _READ.get(kind, _OTHER)) for kind in CONTRACTIONS},
    "linear": _linear,
    **{f"{kind}_": _contraction(kind, _READ[kind]) for kind in ("addmm", "addmv", "addbmm", "baddbmm")},
    "__matmul__": _contraction("matmul", _OTHER),
    "__rmatmul__": _contraction("matmul", _swapped),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), _convolution(0)),
    **{f"conv_transpose{dims}d": _convolution(1) for dims in (1, 2, 3)},
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **{f"{kind}_cell": _cell for kind in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
}
"""Name of a function -> finder of its factors: groups, each a product of its own."""
