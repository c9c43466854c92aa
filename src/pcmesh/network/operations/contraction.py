"""Sums of products over shared dimensions (einsum, bmm, tensordot, bilinear, ...) in one form.

A dimension has a label: a number. A label that stands in several factors is the same index; one that does not stand in
the result is summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

Labels = tuple[int, ...]
Shape = Callable[[Any], Sequence[Any]]


@dataclass(frozen=True)
class Contraction:
    """`term_factor` · term + `factor` · (sum over all labels that are not in `out` of the product of the factors).

    Attributes:
        factors: what is multiplied.
        labels: of every factor's dimensions.
        out: of the result's dimensions.
        sizes: of every label, at the examples' size.
        term: what is added, or None.
        factor, term_factor: numbers.
    """

    factors: tuple[Any, ...]
    labels: tuple[Labels, ...]
    out: Labels
    sizes: Mapping[int, int]
    term: Any = None
    factor: float = 1
    term_factor: float = 1

    @property
    def multiply_adds(self) -> float:
        """Multiply-adds, one factor after the other."""
        total, seen = 0.0, set(self.labels[0])
        for number, labels in enumerate(self.labels[1:], start=2):
            seen |= set(labels)
            total += math.prod(self.sizes[label] for label in seen)
            needed = set(self.out).union(*self.labels[number:])
            seen &= needed
        return total


class Pair(NamedTuple):
    """A factor computed at run time times a weight, by what becomes of every label.

    kept: of x and the result. shared: of both factors and the result. summed: of both factors. new: of the weight and
    the result.
    """

    kept: Labels
    shared: Labels
    summed: Labels
    new: Labels

    @classmethod
    def of(cls, x: Labels, weight: Labels, needed: Iterable[int]) -> Pair:
        """Sort the labels of x and a weight; `needed`: labels of the result."""
        wanted, in_x, in_weight = set(needed), dict.fromkeys(x), dict.fromkeys(weight)
        return cls(
            tuple(label for label in in_x if label in wanted and label not in in_weight),
            tuple(label for label in in_x if label in wanted and label in in_weight),
            tuple(label for label in in_x if label not in wanted and label in in_weight),
            tuple(label for label in in_weight if label in wanted and label not in in_x),
        )

    @property
    def is_product(self) -> bool:
        """Whether something is summed: otherwise numbers are only scaled."""
        return bool(self.summed)

    @property
    def out(self) -> Labels:
        """Labels of the result."""
        return (*self.kept, *self.shared, *self.new)


def contraction_of(kind: str, args: Sequence[Any], kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    """Return an operation as a contraction, or None where it is none.

    Args:
        kind: ATen's name.
        args, kwargs: ATen's arguments.
        shape: sizes of a factor.
    """
    reader = _READERS.get(kind)
    return None if reader is None else reader(list(args), kwargs, shape)


def size_of(size: Any) -> int:
    """Return a size as a number; of a traced one the examples' (1 where there is none)."""
    if isinstance(size, int):
        return size
    hint = getattr(getattr(size, "node", None), "hint", None)
    return 1 if hint is None else int(hint)


def _made(
    factors: Sequence[Any], labels: Sequence[Sequence[Any]], out: Sequence[Any], shape: Shape, **more: Any
) -> Contraction:
    """Number the labels; a dimension of size one that stands for a longer one is a label of its own, summed."""
    sizes: dict[Any, Any] = {}
    for factor, entries in zip(factors, labels, strict=True):
        for label, size in zip(entries, shape(factor), strict=True):
            if label not in sizes or (isinstance(sizes[label], int) and sizes[label] == 1):
                sizes[label] = size
    numbers = {label: number for number, label in enumerate(sizes)}
    fresh = count(len(numbers))
    known = {numbers[label]: size_of(size) for label, size in sizes.items()}
    found = []
    for factor, entries in zip(factors, labels, strict=True):
        own = []
        for label, size in zip(entries, shape(factor), strict=True):
            single = isinstance(size, int) and size == 1
            whole = isinstance(sizes[label], int) and sizes[label] == 1
            own.append(next(fresh) if single and not whole else numbers[label])
        known.update({label: 1 for label in own if label not in known})
        found.append(tuple(own))
    return Contraction(tuple(factors), tuple(found), tuple(numbers[label] for label in out), known, **more)


def _einsum(args: list[Any], _kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    equation, factors = str(args[0]).replace(" ", ""), list(args[1])
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    free = [len(shape(f)) - len(term.replace("...", "")) for f, term in zip(factors, terms, strict=True)]
    labels = [_spelt(term, number) for term, number in zip(terms, free, strict=True)]
    longest = max((n for n, term in zip(free, terms, strict=True) if "..." in term), default=0)
    if arrow:
        out = _spelt(right, longest)
    else:
        letters = left.replace("...", "").replace(",", "")
        out = [*_dots(longest), *sorted(letter for letter in set(letters) if letters.count(letter) == 1)]
    return _made(factors, labels, out, shape)


def _spelt(term: str, free: int) -> list[Any]:
    before, dots, after = term.partition("...")
    return [*before, *(_dots(free) if dots else ()), *after]


def _dots(number: int) -> list[Any]:
    return [("dot", place) for place in range(number, 0, -1)]


def _matrices(a: Any, b: Any, shape: Shape, **more: Any) -> Contraction | None:
    """Return a @ b."""
    left, right = len(shape(a)), len(shape(b))
    rows, columns = ([] if left == 1 else ["row"]), ([] if right == 1 else ["column"])
    batch = max(left, right, 2) - 2
    labels = [[*_dots(max(left - 2, 0)), *rows, "sum"], [*_dots(max(right - 2, 0)), "sum", *columns]]
    return _made((a, b), labels, [*_dots(batch), *rows, *columns], shape, **more)


def _matmul(args: list[Any], kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    b = args[1] if len(args) > 1 else next((kwargs[name] for name in ("other", "mat2", "vec") if name in kwargs), None)
    return None if b is None else _matrices(args[0], b, shape)


def _linear(args: list[Any], kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    x, weight = args[:2]
    term = args[2] if len(args) > 2 else kwargs.get("bias")
    rest = _dots(len(shape(x)) - 1)
    columns = ["column"] if len(shape(weight)) == 2 else []
    return _made((x, weight), ([*rest, "sum"], [*columns, "sum"]), [*rest, *columns], shape, term=term)


def _added(args: list[Any], kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    beta, alpha = kwargs.get("beta", 1), kwargs.get("alpha", 1)
    if len(args) < 3 or not all(isinstance(number, int | float) for number in (beta, alpha)):
        return None
    term = args[0] if beta != 0 else None
    return _matrices(args[1], args[2], shape, term=term, term_factor=beta, factor=alpha)


def _addbmm(args: list[Any], kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    beta, alpha = kwargs.get("beta", 1), kwargs.get("alpha", 1)
    term = args[0] if beta != 0 else None
    labels = (["batch", "row", "sum"], ["batch", "sum", "column"])
    return _made(args[1:3], labels, ["row", "column"], shape, term=term, term_factor=beta, factor=alpha)


def _tensordot(args: list[Any], _kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    a, b, own, other = args[:4]
    left = [("a", dim) for dim in range(len(shape(a)))]
    right = [("b", dim) for dim in range(len(shape(b)))]
    pairs = [(i % len(left), j % len(right)) for i, j in zip(own, other, strict=True)]
    for i, j in pairs:
        right[j] = left[i]
    summed = {left[i] for i, _ in pairs}
    return _made((a, b), (left, right), [label for label in (*left, *right) if label not in summed], shape)


def _inner(args: list[Any], _kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    a, b = args[:2]
    if not shape(a) or not shape(b):
        return None
    left, right = ([(name, dim) for dim in range(len(shape(f)) - 1)] for name, f in (("a", a), ("b", b)))
    return _made((a, b), ([*left, "sum"], [*right, "sum"]), [*left, *right], shape)


def _bilinear(args: list[Any], kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    first, second, weight = args[:3]
    rest = _dots(len(shape(first)) - 1)
    labels = ([*rest, "i"], ["o", "i", "j"], [*rest, "j"])
    term = args[3] if len(args) > 3 else kwargs.get("bias")
    return _made((first, weight, second), labels, [*rest, "o"], shape, term=term)


def _trilinear(args: list[Any], _kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    factors, left_out, summed = args[:3], args[3:6], args[6]
    dims = range(len(shape(factors[0])) + len(left_out[0]))
    labels = [[dim for dim in dims if dim not in without] for without in left_out]
    return _made(factors, labels, [dim for dim in dims if dim not in summed], shape)


def _chain(args: list[Any], _kwargs: Mapping[str, Any], shape: Shape) -> Contraction | None:
    factors = list(args[0])
    labels = [[number, number + 1] for number in range(len(factors))]
    if len(shape(factors[0])) == 1:
        labels[0] = [1]
    if len(shape(factors[-1])) == 1:
        labels[-1] = [len(factors) - 1]
    ends = [label for label in (0, len(factors)) if any(label in entries for entries in labels)]
    return _made(factors, labels, ends, shape)


_READERS: dict[str, Callable[[list[Any], Mapping[str, Any], Shape], Contraction | None]] = {
    "einsum": _einsum,
    "linear": _linear,
    **dict.fromkeys(("matmul", "linalg_matmul", "mm", "bmm", "mv", "dot", "vdot"), _matmul),
    **dict.fromkeys(("addmm", "baddbmm", "addmv"), _added),
    "addbmm": _addbmm,
    "tensordot": _tensordot,
    "inner": _inner,
    "bilinear": _bilinear,
    "_trilinear": _trilinear,
    **dict.fromkeys(("chain_matmul", "linalg_multi_dot"), _chain),
}
CONTRACTIONS = frozenset(_READERS)
"""Names of the operations that `contraction_of` knows."""
