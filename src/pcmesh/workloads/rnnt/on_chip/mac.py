"""Errors of the chip's matrix products, layer by layer, on what software would send to them (Extended Data Fig. 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pcmesh.deployed import ChipModel
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.network.products import RecordedProducts
from pcmesh.workloads.rnnt.on_chip.recipe import NAMES, batches, products_of

FRAMES = 500
REGION = 5.0
"""Gates beyond ±5 hardly change a sigmoid or tanh: the paper's region of interest (Extended Data Fig. 8)."""
_BINS = 81
_POINTS = 800


@torch.inference_mode()
def layer_errors(model: ChipModel, features: Sequence[Tensor], layers: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each matrix on the chip its shape, and the errors of its products on frames of recordings.

    `mac_sigma` is the standard deviation of chip - software, in units of the product (Enc-LSTM0 Wx: of the centred
    inputs); `mac_sigma_roi` counts products within ±5 only; `correlation` is Pearson's.

    Args:
        model: at its age.
        features: (T, F) of recordings that were not calibrated on.
        layers: by the paper's names.
    """
    captured, program = model.program.captured, model.program
    recorder = RecordedProducts(captured.weights, FRAMES)
    for x, lengths in batches(features[:64]):
        with captured.runtime.computing(recorder, size=len(x)):
            captured.module(x, lengths)
    found = []
    wanted = {product for layer in layers for product in products_of(layer)}
    for product in (entry for entry in program.products if entry.name in wanted):
        name, x = NAMES[product.name], recorder.examples(product.name)[:FRAMES]
        keys = noise_keys(model.instance, [f"errors/{name}/{number}" for number in range(len(x))])
        size = program.mapping.layer(product.name)
        found.append(
            {
                "name": name,
                "rows": size.rows,
                "columns": size.columns,
                "encoding": str(size.encoding),
                "tiles": sum(tile.wp1.layer == product.name for tile in program.mapping.tiles),
                **_errors(model.side.product(product.name, x, keys), x @ product.weight),
            }
        )
    return found


def _errors(got: Tensor, wanted: Tensor) -> dict[str, Any]:
    error, inside = got - wanted, wanted.abs() <= REGION
    sigma = float(error.std())
    histogram = torch.histc(error / max(sigma, 1e-12), _BINS, -4.0, 4.0) / error.numel()
    step = max(1, wanted.numel() // _POINTS)
    return {
        "mac_sigma": sigma,
        "mac_sigma_roi": float(error[inside].std()) if int(inside.sum()) > 1 else 0.0,
        "correlation": float(torch.corrcoef(torch.stack([got.flatten(), wanted.flatten()]).double())[0, 1]),
        "error_histogram": [round(float(share), 6) for share in histogram],
        "scatter": {
            "software": [round(float(v), 4) for v in wanted.flatten()[::step]],
            "chip": [round(float(v), 4) for v in got.flatten()[::step]],
        },
    }
