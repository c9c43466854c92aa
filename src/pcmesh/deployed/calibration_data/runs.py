"""Calibration data: batches that the network runs with, in numbers; what does not fit is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from pcmesh.errors import InputError, PcmeshError
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.finite import check_inputs, first_sample
from pcmesh.network.products import Products


class NotFiniteError(Exception):
    """Says which layer got or gave what is no number, to those who know the batch."""


@dataclass(frozen=True)
class FiniteProducts(Products):
    """Products that are stopped at the first one whose inputs or outputs are NaN or infinite."""

    products: Products

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return the product."""
        y = self.products.product(layer, x, keys)
        if not (torch.isfinite(x).all() and torch.isfinite(y).all()):
            raise NotFiniteError(layer)
        return y


def calibration_runs(captured: CapturedNetwork, batches: Iterable[Any] | None) -> list[Examples]:
    """Return the batches of calibration data, each checked against the examples.

    Raises:
        InputError: there are none, one has another number of dimensions than the examples, or holds a NaN.
    """
    examples = captured.examples
    if batches is None:
        check_inputs(examples, "example_inputs")
        return [examples]
    given = [batches] if isinstance(batches, Tensor | Mapping) else batches
    runs = [batch if isinstance(batch, Examples) else Examples.of(batch, examples.batch_dim) for batch in given]
    if not runs:
        raise InputError("calibration holds no batches", "Give some, or leave it out: then the examples calibrate")
    for number, run in enumerate(runs):
        _check_shapes(run, examples, number)
        check_inputs(run, f"calibration batch {number}")
    return runs


def run_once(captured: CapturedNetwork, run: Examples, what: str) -> None:
    """Run the network with a batch; `what` it is, for the message.

    Raises:
        InputError: it does not run, or its numbers end.
    """
    try:
        captured.module(*run.args, **run.kwargs)
    except PcmeshError:
        raise
    except NotFiniteError as error:
        where = first_sample(run, torch.isinf)
        reason = "the network itself computes them" if where is None else f"{where} is infinite"
        raise InputError(
            f"{what}: NaN or infinite values at layer {error} ({reason})",
            "Leave the sample out, or mend the data",
        ) from error
    except Exception as error:
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"{what}: the network does not run with it ({line[:160]})",
            "Give batches like example_inputs",
        ) from error


def _check_shapes(run: Examples, examples: Examples, number: int) -> None:
    wanted = pytree.tree_leaves((examples.args, dict(examples.kwargs)))
    for a, b in zip(pytree.tree_leaves((run.args, dict(run.kwargs))), wanted, strict=False):
        if isinstance(a, Tensor) and isinstance(b, Tensor) and a.dim() != b.dim():
            raise InputError(
                f"calibration batch {number} has {a.dim()} dimensions {tuple(a.shape)}, the examples have {b.dim()}",
                "Yield batches like example_inputs, the samples in the same dimension",
            )
