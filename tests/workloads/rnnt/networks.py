"""Small RNN-Ts with random weights, in the layout of the published checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor

from pcmesh.random import torch_generator
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.checkpoint_layout import module_key, published_shapes
from pcmesh.workloads.rnnt.network import RnntNetwork

SMALL = RnntWidths(encoder=24, prediction=12, joint=20)
LIVELY = 5.0
"""Weights so large that frames and letters matter: long texts, frames without letters, capped ones."""


def random_state(
    widths: RnntWidths = SMALL, seed: int = 0, blank_bias: float = 8.0, gain: float = LIVELY
) -> dict[str, Tensor]:
    """Return random weights under published keys; the larger `blank_bias`, the fewer letters."""
    generator = torch_generator(seed, "data", "rnnt test")
    state = {
        key: torch.randn(shape, generator=generator) * (gain / shape[-1] ** 0.5 if len(shape) > 1 else 0.3)
        for key, shape in published_shapes(widths).items()
    }
    state["joint_net.3.bias"][-1] += blank_bias
    return state


def random_network(
    widths: RnntWidths = SMALL, seed: int = 0, blank_bias: float = 8.0, gain: float = LIVELY
) -> RnntNetwork:
    network = RnntNetwork(widths)
    state = random_state(widths, seed, blank_bias, gain)
    network.load_state_dict({module_key(key): value for key, value in state.items()})
    return network.eval()


def random_features(frames: int, seed: int = 0, features: int = 240) -> Tensor:
    return torch.randn(frames, features, generator=torch_generator(seed, "data", "rnnt features"))
