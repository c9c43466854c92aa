"""Sums of products with weights over any dimensions: the sums over a weight's dimensions run on tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pcmesh.network.operations.contraction import Contraction, Labels, Pair


@dataclass(frozen=True)
class ContractionStep:
    """One product with a weight.

    Attributes:
        x: number of the factor (or result of an earlier step) that is computed at run time.
        weight: number of the factor that is a weight.
        pair: what becomes of their labels.
        labels: of x.
    """

    x: int
    weight: int
    pair: Pair
    labels: Labels


@dataclass(frozen=True)
class ContractionPlan:
    """A contraction as products with weights, step by step, and what remains digital.

    Attributes:
        factors: how many there are.
        steps: results are numbered behind the factors, in order.
        rest: factors and results that are multiplied digitally in the end, with their labels.
        out: labels of the result.
        factor, term_factor: numbers for the sum and for what is added to it.
    """

    factors: int
    steps: tuple[ContractionStep, ...]
    rest: tuple[tuple[int, Labels], ...]
    out: Labels
    factor: float
    term_factor: float

    @classmethod
    def of(cls, contraction: Contraction, is_weight: Sequence[bool]) -> ContractionPlan:
        """Plan a contraction; `is_weight`: which factors can be programmed."""
        terms = dict(enumerate(contraction.labels))
        weights = {number for number, flag in enumerate(is_weight) if flag}
        steps: list[ContractionStep] = []
        while (step := _next(terms, weights, contraction.out)) is not None:
            steps.append(step)
            del terms[step.x], terms[step.weight]
            terms[len(is_weight) + len(steps) - 1] = step.pair.out
        rest = tuple(terms.items())
        return cls(len(is_weight), tuple(steps), rest, contraction.out, contraction.factor, contraction.term_factor)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the factors that are needed at run time."""
        wanted = {*(step.x for step in self.steps), *(number for number, _ in self.rest)}
        return tuple(sorted(number for number in wanted if number < self.factors))


def _next(terms: Mapping[int, Labels], weights: set[int], out: Labels) -> ContractionStep | None:
    for weight in sorted(weights & set(terms)):
        for x in sorted(set(terms) - weights):
            others = [labels for number, labels in terms.items() if number not in (x, weight)]
            pair = Pair.of(terms[x], terms[weight], {*out, *(label for labels in others for label in labels)})
            if pair.is_product:
                return ContractionStep(x, weight, pair, terms[x])
    return None


def planned(
    contraction: Contraction,
    is_weight: Sequence[bool],
    values: Callable[[int], Tensor],
    products: Callable[[ContractionStep, Sequence[Tensor]], Callable[[Tensor], Tensor]],
) -> AnalogContraction | None:
    """Return a contraction as a layer, or None where no weight is multiplied and summed.

    Args:
        contraction: what is computed.
        is_weight: which of its factors can be programmed.
        values: number of a weight -> its values.
        products: a step and its matrices -> their product.
    """
    plan = ContractionPlan.of(contraction, is_weight)
    if not plan.steps:
        return None
    made, pairs, new = [], [], []
    for step in plan.steps:
        labels = contraction.labels[step.weight]
        matrices, pair = matrices_of(values(step.weight), labels, step.pair)
        made.append(products(step, matrices))
        pairs.append(pair)
        new.append([contraction.sizes[label] for label in (*pair.shared, *pair.new)])
    return AnalogContraction(plan, made, pairs, new)


def matrices_of(weight: Tensor, labels: Labels, pair: Pair) -> tuple[list[Tensor], Pair]:
    """Return a weight as matrices (rows, columns), one for each value of the shared labels; one if they are alike."""
    order = (*pair.shared, *pair.summed, *pair.new)
    turned = torch.einsum(weight, list(labels), list(order))
    sizes = turned.shape
    shared, summed = len(pair.shared), len(pair.shared) + len(pair.summed)
    if weight.numel() == 0:
        return [turned.reshape(0, 0)], pair
    blocks = turned.reshape(sizes[:shared].numel(), sizes[shared:summed].numel(), sizes[summed:].numel())
    if pair.shared and bool((blocks == blocks[0]).all()):
        alike = Pair((*pair.kept, *pair.shared), (), pair.summed, pair.new)
        return [blocks[0]], alike
    return list(blocks), pair


class AnalogContraction(nn.Module):
    """A contraction: each step's product runs on tiles, the others stay digital.

    Args:
        plan: of the contraction.
        products: of every step, (..., blocks · rows) -> (..., blocks · columns).
        pairs: of every step, as `matrices_of` gave them.
        new: of every step, the sizes of the weight's labels `shared` and `new`.
    """

    def __init__(
        self,
        plan: ContractionPlan,
        products: Sequence[Callable[[Tensor], Tensor]],
        pairs: Sequence[Pair],
        new: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        self.plan, self.pairs, self.new = plan, list(pairs), list(new)
        self.products = list(products)

    def forward(self, term: Tensor | None, *factors: Tensor) -> Tensor:
        """Return the result; `factors` are those of `plan.inputs`."""
        values: dict[int, Any] = dict(zip(self.plan.inputs, factors, strict=True))
        for number, step in enumerate(self.plan.steps):
            pair = self.pairs[number]
            x = torch.einsum(values[step.x], list(step.labels), [*pair.kept, *pair.shared, *pair.summed])
            leading = x.shape[: len(pair.kept)]
            y = self.products[number](x.reshape(*leading, -1)).reshape(*leading, *self.new[number])
            values[self.plan.factors + number] = torch.einsum(y, list(pair.out), list(step.pair.out))
        operands: list[Any] = []
        for number, labels in self.plan.rest:
            operands += [values[number], list(labels)]
        out = torch.einsum(*operands, list(self.plan.out))
        out = out if self.plan.factor == 1 else out * self.plan.factor
        if term is None:
            return out
        return out + (term if self.plan.term_factor == 1 else term * self.plan.term_factor)
