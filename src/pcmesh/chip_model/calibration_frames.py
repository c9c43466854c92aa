"""Calibration frames: what reaches every matrix when the network runs on the user's data, in software."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pcmesh.model.examples import Examples
from pcmesh.model.exported import CapturedNetwork
from pcmesh.model.products import RecordedProducts
from pcmesh.random import torch_generator

ENOUGH = 256
"""Fewer frames than this are completed with made-up ones of the same mean and spread: a fit needs points."""


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


def record_frames(captured: CapturedNetwork, batches: Iterable[Any], limit: int) -> Frames:
    """Run the network in software and keep up to `limit` input vectors of every product.

    Args:
        captured: the network.
        batches: what it is called with, as `example_inputs`.
        limit: vectors kept for each product (paper: 2,000).
    """
    recorder = RecordedProducts(captured.weights, limit)
    samples, before = 0, captured.runtime.products
    captured.runtime.products, captured.runtime.samples = recorder, None
    try:
        for batch in batches:
            examples = batch if isinstance(batch, Examples) else Examples.of(batch, captured.examples.batch_dim)
            samples += examples.size
            with torch.no_grad():
                captured.module(*examples.args, **examples.kwargs)
    finally:
        captured.runtime.products = before
    inputs: dict[str, Tensor] = {}
    completed: list[str] = []
    for product in captured.products:
        found = recorder.examples(product.name) if product.name in recorder.inputs else torch.zeros(0, product.rows)
        inputs[product.name] = found
        if len(found) < ENOUGH:
            completed.append(product.name)
            inputs[product.name] = _completed(found, product.signed, product.name)
    vectors = {product.name: recorder.rows.get(product.name, 0) / max(samples, 1) for product in captured.products}
    return Frames(inputs, vectors, samples, tuple(completed))


def _completed(found: Tensor, signed: bool, name: str) -> Tensor:
    """Return the frames with normal ones of the same mean and spread, within the range that was seen."""
    generator = torch_generator(0, "data", "frames", name)
    drawn = torch.randn(ENOUGH - len(found), found.shape[1], generator=generator)
    if not len(found):
        return drawn if signed else drawn.abs()
    spread = found.std() if found.numel() > 1 else found.abs().mean()
    made = found.mean(0) + drawn * spread.clamp(min=1e-9)
    largest = found.abs().max().clamp(min=1e-9)
    return torch.cat([found, made.clamp(0.0 if not signed else -float(largest), float(largest))])
