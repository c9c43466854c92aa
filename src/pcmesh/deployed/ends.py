"""The digital end of a product: what becomes of its inputs before they are pulses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.errors import ConfigurationError
from pcmesh.mapping.rows import Expansion, MoreRows
from pcmesh.network.products import Chain, MatrixProduct

_LARGEST_CONDITION = 50.0
"""Of M: 3 for 240 inputs on 1,024 rows, 17 for 5/4 of the inputs, some 1,000 for as many rows as inputs."""


@dataclass(frozen=True)
class Ends:
    """More rows than inputs; None: as many."""

    more: MoreRows | None = None

    def weight(self, weight: Tensor) -> Tensor:
        """Return the weights of every row that is sent."""
        return weight if self.more is None else self.more.weight(weight)

    def inputs(self, x: Tensor) -> Tensor:
        """Return what is sent for inputs x (B, R)."""
        return x if self.more is None else self.more.inputs(x)


def ends_of(
    products: Sequence[MatrixProduct], options: Mapping[str, ProductOptions], chains: Sequence[Chain] = ()
) -> dict[str, Ends]:
    """Return the ends of every product.

    Raises:
        ConfigurationError: more rows for a product that is handed its pulses.
    """
    for name in (name for chain in chains for name in chain.products[1:]):
        if options[name].more_rows:
            raise ConfigurationError(
                f"layer {name}: its pulses come from another tile, so its rows cannot be more than its inputs",
                f"Map it as {options[name].encoding}, or compile without hand_over",
            )
    return {p.name: Ends(options[p.name].rows(p.name, p.rows)) for p in products}


def end_warnings(ends: Mapping[str, Ends]) -> tuple[str, ...]:
    """Return what a user should know of expansions: M close to singular, as with hardly more rows than inputs."""
    found = []
    for name, entry in ends.items():
        if isinstance(entry.more, Expansion):
            rows, inputs = entry.more.matrix_NR.shape
            condition = float(torch.linalg.cond(entry.more.matrix_NR))
            if condition > _LARGEST_CONDITION:
                found.append(
                    f"layer {name}: expanding {inputs} inputs to {rows} rows enlarges errors of inputs up to "
                    f"{condition:,.0f} times; take at least {math.ceil(1.25 * inputs)} rows"
                )
    return tuple(found)


def programmed_products(products: Sequence[MatrixProduct], ends: Mapping[str, Ends]) -> tuple[MatrixProduct, ...]:
    """Return the products with the weights that are programmed; an expansion's inputs have both signs."""
    return tuple(replace(p, weight=ends[p.name].weight(p.weight), signed=_signed(p, ends[p.name])) for p in products)


def sent_frames(frames: Mapping[str, Tensor], ends: Mapping[str, Ends]) -> dict[str, Tensor]:
    """Return what the chip is sent for frames of every product's input."""
    return {name: ends[name].inputs(x) for name, x in frames.items() if name in ends}


def _signed(product: MatrixProduct, ends: Ends) -> bool:
    return product.signed or (ends.more is not None and ends.more.signed)
