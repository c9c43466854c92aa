"""The keys and shapes of a published RNN-T checkpoint, and whether tensors are one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.widths import RnntWidths

REMEDY = "Give a checkpoint in MLPerf's format (docs/rnnt.md)"
_PUBLISHED_JOINT, _MODULE_JOINT = "joint_net", "joint.net"
_ENCODER = [
    f"encoder.{stack}_rnn.lstm.weight_hh_l{n}" for stack, layers in (("pre", 2), ("post", 3)) for n in range(layers)
]
_DECODER = [f"prediction.dec_rnn.lstm.weight_hh_l{n}" for n in range(2)]


def published_key(key: str) -> str:
    """Return the published name of a module's tensor."""
    return key.replace(_MODULE_JOINT, _PUBLISHED_JOINT)


def module_key(key: str) -> str:
    """Return the module's name of a published tensor."""
    return key.replace(_PUBLISHED_JOINT, _MODULE_JOINT)


def published_shapes(widths: RnntWidths) -> dict[str, torch.Size]:
    """Return published key -> shape of all weights and biases."""
    with torch.device("meta"):
        state = RnntNetwork(widths).state_dict()
    return {published_key(key): value.shape for key, value in state.items()}


def check_tensors(tensors: Mapping[str, Any], name: str) -> None:
    """Check that tensors under published keys are an RNN-T of some widths.

    Raises:
        InputError: beginning with `name`, naming the first key that is missing, else unknown, else that holds
            anything but finite floating-point numbers of the shape that the other keys ask for.
    """
    layers = published_shapes(RnntWidths())
    for verb, keys in (("lacks", layers.keys() - tensors.keys()), ("holds the unknown key", tensors.keys() - layers)):
        if keys:
            first, *others = sorted(map(str, keys))
            raise InputError(f"{name}: {verb} {first!r}{f' and {len(others)} more' if others else ''}", REMEDY)
    for key, value in tensors.items():
        _check_values(key, value, len(layers[key]), name)
    for key, shape in published_shapes(infer_widths(tensors)).items():
        if tensors[key].shape != shape:
            raise InputError(f"{name}: {key!r} is {tuple(tensors[key].shape)}, not {tuple(shape)}", REMEDY)


def _check_values(key: str, value: Any, dimensions: int, name: str) -> None:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        kind = str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
        raise InputError(f"{name}: {key!r} is {kind}, not floating-point numbers", REMEDY)
    if value.dim() != dimensions or not value.numel():
        raise InputError(f"{name}: {key!r} is {tuple(value.shape)}, not of {dimensions} dimensions", REMEDY)
    if not bool(value.isfinite().all()):
        raise InputError(f"{name}: {key!r} holds NaN or infinite values", REMEDY)


def infer_widths(tensors: Mapping[str, Tensor]) -> RnntWidths:
    """Return the widths on which most shapes agree, so that a tensor that differs from the others is the one named."""
    encoder = _most(tensors[key].shape[1] for key in _ENCODER)
    embedding, last = tensors["prediction.embed.weight"].shape, tensors["joint_net.3.weight"].shape
    first, last_bias = tensors["joint_net.0.weight"].shape, tensors["joint_net.3.bias"].shape
    return RnntWidths(
        features=tensors["encoder.pre_rnn.lstm.weight_ih_l0"].shape[1],
        encoder=encoder,
        stack=max(1, round(tensors["encoder.post_rnn.lstm.weight_ih_l0"].shape[1] / encoder)),
        prediction=_most([*(tensors[key].shape[1] for key in _DECODER), embedding[1]]),
        joint=_most((first[0], tensors["joint_net.0.bias"].shape[0], last[1])),
        labels=max(1, _most((embedding[0], last[0] - 1, last_bias[0] - 1))),
    )


def _most(sizes: Iterable[int]) -> int:
    return Counter(sizes).most_common(1)[0][0]
