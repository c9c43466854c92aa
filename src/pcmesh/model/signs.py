"""Which values of a graph cannot be negative: their vectors need half of the integration steps."""

from __future__ import annotations

import torch
from torch import fx

from pcmesh.model.operations import words

_NONNEGATIVE = frozenset(
    words("relu relu_ sigmoid sigmoid_ softmax abs exp square relu6 relu6_ _softmax hardsigmoid hardsigmoid_ ")
)
_KEEPS = frozenset(
    words(
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
        "adaptive_avg_pool2d adaptive_max_pool2d dropout feature_dropout view reshape flatten unflatten transpose "
        "permute t contiguous clone squeeze unsqueeze slice select mean sum amax add add_ mul mul_ cat stack "
        "chunk split getitem expand to upsample_nearest2d split_with_sizes unbind "
    )
)
_CLAMPS = frozenset({"hardtanh", "hardtanh_", "clamp", "clamp_", "clamp_min"})


def kind_of(node: fx.Node) -> str:
    """Return a node's operation without namespace and overload: 'linear' of aten.linear.default."""
    packet = getattr(node.target, "overloadpacket", None)
    return str(getattr(packet, "__name__", None) or getattr(node.target, "__name__", node.target))


def nonnegative(node: fx.Node) -> bool:
    """Return whether a node's value can never be negative, by the operations that make it."""
    if node.op != "call_function":
        return False
    kind = kind_of(node)
    if kind in _NONNEGATIVE:
        return True
    if kind in _CLAMPS:
        low = node.args[1] if len(node.args) > 1 else node.kwargs.get("min", -1)
        return isinstance(low, int | float) and low >= 0
    if kind not in _KEEPS:
        return False
    literals = [entry for entry in node.args if isinstance(entry, int | float)] if kind in ("add", "mul") else []
    values = [entry for entry in node.all_input_nodes if not isinstance(entry.meta.get("val"), torch.SymInt)]
    return bool(values) and all(v >= 0 for v in literals) and all(nonnegative(entry) for entry in values)
