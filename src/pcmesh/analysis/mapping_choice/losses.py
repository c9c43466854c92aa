"""What outputs on the chip lose against software's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.utils import _pytree as pytree

from pcmesh.errors import ConfigurationError

Loss = Callable[[Any, Any], float]
"""(outputs on the chip, in software) -> what is lost."""


def output_error(got: Any, wanted: Any) -> float:
    """Return the power of the difference of a network's outputs as a share of that of the outputs themselves."""
    values = _compared(got, wanted)
    return float(sum(((a - b) ** 2).mean() for a, b in values) / sum(b.var() for _, b in values))


def decision_error(got: Any, wanted: Any) -> float:
    """Return the Kullback-Leibler divergence of the classes' probabilities from software's, nats for each decision.

    Classes are the last dimension of the outputs (logits).
    """
    found = [
        F.kl_div(F.log_softmax(a, -1), F.log_softmax(b, -1), reduction="none", log_target=True).sum(-1).mean()
        for a, b in _compared(got, wanted)
    ]
    return float(sum(found) / len(found))


def _compared(got: Any, wanted: Any) -> list[tuple[Tensor, Tensor]]:
    found = list(_numbers(got, wanted))
    if not found:
        raise ConfigurationError(
            "the network's outputs hold no floating-point numbers, so a mapping loses nothing that could be measured",
            "Let it return numbers, or give a loss of your own",
        )
    return found


def _numbers(got: Any, wanted: Any) -> Iterator[tuple[Tensor, Tensor]]:
    for a, b in zip(pytree.tree_leaves(got), pytree.tree_leaves(wanted), strict=True):
        if isinstance(a, Tensor) and a.is_floating_point():
            yield a, b
