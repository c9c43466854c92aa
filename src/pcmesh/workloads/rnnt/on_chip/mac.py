"""Errors of the chip's matrix products, layer by layer, on what software would send to them (Extended Data Fig. 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.workloads.rnnt.on_chip.calibration import calibration_vectors
from pcmesh.workloads.rnnt.on_chip.chip import RnntChip

FRAMES = 500
REGION = 5.0
"""Gates beyond ±5 hardly change a sigmoid or tanh: the paper's region of interest (Extended Data Fig. 8)."""
_BINS = 81
_POINTS = 800


@torch.inference_mode()
def layer_errors(chip: RnntChip, features: Sequence[Tensor]) -> list[dict[str, Any]]:
    """Return for each layer on the chip its shape, and the errors of its products on frames of recordings.

    `mac_sigma` is the standard deviation of chip - software, in units of the product (Enc-LSTM0 Wx: of the scaled
    inputs); `mac_sigma_roi` counts products within ±5 only; `correlation` is Pearson's.

    Args:
        chip: at its age.
        features: (T, F) of recordings that were not calibrated on.
    """
    program = chip.program
    vectors = calibration_vectors(
        program.network, program.scaling, features[:64], FRAMES, torch.Generator().manual_seed(1)
    )
    mapping, graph = program.compiled.mapping, chip.products.graph
    found = []
    for layer in graph.layers:
        x = vectors[layer.input]
        keys = noise_keys(chip.instance, [f"errors/{layer.name}/{number}" for number in range(len(x))])
        wanted = x @ graph.weights[layer.name]
        got = chip.products.layer(layer.name)(x, keys)
        size = mapping.layer(layer.name)
        found.append(
            {
                "name": layer.name,
                "rows": size.rows,
                "columns": size.columns,
                "encoding": str(size.encoding),
                "tiles": sum(tile.wp1.layer == layer.name for tile in mapping.tiles),
                **_errors(got, wanted),
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
