"""Functions of PyTorch that are products, with their factors: training disturbs what the compiler puts on tiles.

`operations.ANALOG` names products as the compiler meets them (ATen operations); these are the names in running code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor

Place = tuple[int | str, ...]
"""Where a tensor stands in a call: a position or a keyword, and a position within a list that stands there."""


@dataclass(frozen=True)
class Factor:
    """A factor of a product.

    Attributes:
        place: where it stands in the call.
        value: the tensor.
        rows: its axes that are summed over, from 0: those of a weight are rows of the chip, the others columns. Empty
            where the compiler takes no weight.
    """

    place: Place
    value: Tensor
    rows: tuple[int, ...]


Group = list[Factor]
Rows = Callable[[int], tuple[int, ...]]
Finder = Callable[[Sequence[Any], Mapping[str, Any]], Iterator[Group]]


def _last(dims: int) -> tuple[int, ...]:
    return (dims - 1,)


def _last_but_one(dims: int) -> tuple[int, ...]:
    return (max(dims - 2, 0),)


def _all_but(axis: int) -> Rows:
    return lambda dims: tuple(number for number in range(dims) if number != axis)


def _never(_dims: int) -> tuple[int, ...]:
    return ()


def _place(number: int, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Place, Any]:
    return ((number,), args[number]) if len(args) > number else ((name,), kwargs.get(name))


def _slots(*groups: Sequence[tuple[int, str, Rows]]) -> Finder:
    """Return a finder of factors at fixed places; each group is a product of its own."""

    def find(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Group]:
        for group in groups:
            factors = []
            for number, name, rows in group:
                place, value = _place(number, name, args, kwargs)
                if isinstance(value, list | tuple) and value:  # the state of an LSTM's cell
                    place, value = (*place, 0), value[0]
                if isinstance(value, Tensor):
                    factors.append(Factor(place, value, rows(value.dim())))
            yield factors

    return find


def _matrices(first: int, names: tuple[str, str]) -> Finder:
    return _slots(((first, names[0], _last), (first + 1, names[1], _last_but_one)))


def _recurrent(args: Sequence[Any], _kwargs: Mapping[str, Any]) -> Iterator[Group]:
    """A whole recurrent layer: (input, state, weights, ..), or, packed, (data, sizes, state, weights, ..)."""
    packed = isinstance(args[1], Tensor) and isinstance(args[3], list | tuple)
    weights = args[3 if packed else 2]
    yield [
        Factor((0,), args[0], _last(args[0].dim())),
        *(
            Factor((3 if packed else 2, number), weight, _last(weight.dim()))
            for number, weight in enumerate(weights)
            if weight.dim() > 1
        ),
    ]


def _einsum(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Group]:
    equation = args[0] if args else kwargs.get("equation")
    nested = len(args) == 2 and isinstance(args[1], list | tuple)
    operands = args[1] if nested else args[1:]
    if not isinstance(equation, str):  # the form of lists of numbers: (operand, axes, operand, axes, .., axes)
        yield [
            Factor((number,), each, (each.dim() - 1,)) for number, each in enumerate(args) if isinstance(each, Tensor)
        ]
        return
    left, _, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    kept = right if "->" in equation else "".join(letter for letter in left if left.count(letter) == 1)
    factors = []
    for number, (term, value) in enumerate(zip(terms, operands, strict=False)):
        axes = _axes_of(term, value.dim())
        rows = tuple(axis for axis, letter in enumerate(axes) if letter and letter not in kept)
        factors.append(Factor((1, number) if nested else (1 + number,), value, rows))
    yield factors


def _axes_of(term: str, dims: int) -> list[str]:
    """Return the letter of each axis, '' where an ellipsis stands."""
    before, _, after = term.partition("...")
    rest = dims - len(before) - len(after)
    return [*before, *([""] * rest), *after]


def _tensordot(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Group]:
    dims = args[2] if len(args) > 2 else kwargs.get("dims", 2)
    factors = []
    for number, name in enumerate(("a", "b")):
        place, value = _place(number, name, args, kwargs)
        if isinstance(dims, int):
            rows = tuple(range(value.dim() - dims, value.dim())) if number == 0 else tuple(range(dims))
        else:
            own = dims[number]
            rows = tuple(int(axis) % value.dim() for axis in (own if isinstance(own, list | tuple) else (own,)))
        factors.append(Factor(place, value, rows))
    yield factors


def _chain(args: Sequence[Any], _kwargs: Mapping[str, Any]) -> Iterator[Group]:
    nested = isinstance(args[0], list | tuple)
    yield [
        Factor((0, number) if nested else (number,), value, (_last_but_one if number else _last)(value.dim()))
        for number, value in enumerate(args[0] if nested else args)
    ]


_MATMUL = _matrices(0, ("input", "other"))
_CELL = _slots(((0, "input", _last), (2, "w_ih", _last)), ((1, "hx", _last), (3, "w_hh", _last)))
_KINDS: Final[dict[str, Finder]] = {
    "linear": _slots(((0, "input", _last), (1, "weight", _last))),
    "matmul": _MATMUL,
    "mm": _matrices(0, ("input", "mat2")),
    "bmm": _matrices(0, ("input", "mat2")),
    "mv": _matrices(0, ("input", "vec")),
    "addmm": _matrices(1, ("mat1", "mat2")),
    "addmv": _matrices(1, ("mat", "vec")),
    "addbmm": _matrices(1, ("batch1", "batch2")),
    "baddbmm": _matrices(1, ("batch1", "batch2")),
    "einsum": _einsum,
    "tensordot": _tensordot,
    "inner": _slots(((0, "input", _last), (1, "other", _last))),
    "bilinear": _slots(((0, "input1", _never), (1, "input2", _never), (2, "weight", _all_but(0)))),
    **{
        name: _slots(((0, "input", _never), (1, "weight", _all_but(0))))
        for name in ("conv1d", "conv2d", "conv3d", "convolution")
    },
    **{f"conv_transpose{dims}d": _slots(((0, "input", _never), (1, "weight", _all_but(1)))) for dims in (1, 2, 3)},
    **{kind: _recurrent for kind in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
    **{f"{kind}_cell": _CELL for kind in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
}
PRODUCTS: Final[dict[str, Finder]] = _KINDS | {
    "__matmul__": _MATMUL,
    "__rmatmul__": _slots(((0, "input", _last_but_one), (1, "other", _last))),
    "linalg_matmul": _MATMUL,
    "addmm_": _KINDS["addmm"],
    "addmv_": _KINDS["addmv"],
    "addbmm_": _KINDS["addbmm"],
    "baddbmm_": _KINDS["baddbmm"],
    "chain_matmul": _chain,
    "linalg_multi_dot": _chain,
}
"""Name of a function -> finder of its factors: groups, each a product of its own."""
