"""Calibration frames: what reaches every matrix when the network runs on the user's data, in software."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pcmesh.deployed.calibration_data.extremes import ExtremeProducts
from pcmesh.deployed.calibration_data.runs import FiniteProducts, calibration_runs, run_once
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.products import MatrixProduct, Products, RecordedProducts
from pcmesh.random import torch_generator

ENOUGH = 256
"""Fewer frames than this are completed with made-up ones of the same mean and spread: a fit needs points."""

Extremes = Callable[[], ExtremeProducts]


@dataclass(frozen=True)
class Frames:
    """What a software pass saw.

    Attributes:
        inputs: product -> (B, rows) float32.
        vectors: product -> vectors that it gets for each sample.
        samples: samples that were run.
        completed: products that got made-up frames.
    """

    inputs: Mapping[str, Tensor]
    vectors: Mapping[str, float]
    samples: int
    completed: tuple[str, ...]


def record_frames(captured: CapturedNetwork, batches: Iterable[Any] | None, limit: int, extremes: Extremes) -> Frames:
    """Run the network in software and keep up to `limit` input vectors of every product, and the extreme ones.

    Where not all vectors are kept, the network runs once more, to find those that need the largest range.

    Args:
        captured: the network.
        batches: what it is called with, as `example_inputs`; a tensor or a mapping is one batch; None: the examples.
        limit: vectors kept for each product (paper: 2,000).
        extremes: makes what looks for the extreme vectors.

    Raises:
        InputError: there are no batches, the network does not run with one, or a value is NaN or becomes infinite; the
            sample or the layer is named.
    """
    runs = calibration_runs(captured, batches)
    recorder = RecordedProducts(captured.weights, limit)
    _run(captured, runs, recorder)
    inputs = {product.name: _seen(recorder, product) for product in captured.products}
    if any(count > limit for count in recorder.rows.values()):
        looking = extremes()
        _run(captured, runs, looking)
        inputs = {n: torch.cat([x, looking.examples(n)]) if n in looking.found else x for n, x in inputs.items()}
    few = tuple(product for product in captured.products if len(inputs[product.name]) < ENOUGH)
    inputs |= {product.name: _completed(inputs[product.name], product.signed, product.name) for product in few}
    samples = sum(run.size for run in runs)
    vectors = {product.name: recorder.rows.get(product.name, 0) / max(samples, 1) for product in captured.products}
    return Frames(inputs, vectors, samples, tuple(product.name for product in few))


def _run(captured: CapturedNetwork, runs: Sequence[Examples], products: Products) -> None:
    finite = FiniteProducts(products)
    for number, run in enumerate(runs):
        with torch.no_grad(), captured.runtime.computing(finite, size=run.size):
            run_once(captured, run, "example_inputs" if run is captured.examples else f"calibration batch {number}")


def _seen(recorder: RecordedProducts, product: MatrixProduct) -> Tensor:
    return (
        recorder.examples(product.name)
        if product.name in recorder.inputs
        else torch.zeros(0, product.rows, dtype=torch.float32)
    )


def _completed(found: Tensor, signed: bool, name: str) -> Tensor:
    """Return the frames with normal ones of the same mean and spread, within the range that was seen."""
    generator = torch_generator(0, "data", "frames", name)
    drawn = torch.randn(ENOUGH - len(found), found.shape[1], generator=generator, dtype=torch.float32)
    if not len(found):
        return drawn if signed else drawn.abs()
    spread = found.std() if found.numel() > 1 else found.abs().mean()
    made = found.mean(0) + drawn * spread.clamp(min=1e-9)
    largest = found.abs().max().clamp(min=1e-9)
    return torch.cat([found, made.clamp(0.0 if not signed else -float(largest), float(largest))])
