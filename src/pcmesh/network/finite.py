"""Parameters, statistics and inputs that are no numbers: found before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pcmesh.errors import InputError, UnsupportedModelError
from pcmesh.network.examples import Examples

_STATISTICS = ("running_mean", "running_var")
_REMEDY = "Check the training or the checkpoint"


def check_parameters(network: nn.Module) -> None:
    """Refuse a network with a parameter or a statistic that is NaN or infinite, or another buffer that is NaN.

    Buffers may be infinite: a mask of attention is.

    Raises:
        UnsupportedModelError: the tensor is named.
    """
    for name, parameter in network.named_parameters():
        if not _finite(parameter):
            raise UnsupportedModelError(f"{name}: a value is NaN or infinite", _REMEDY)
    for name, tensor in network.named_buffers():
        if name.endswith(_STATISTICS) and not _finite(tensor):
            raise UnsupportedModelError(f"{name}: a value is NaN or infinite", _REMEDY)
        if tensor.is_floating_point() and bool(tensor.isnan().any()):
            raise UnsupportedModelError(f"{name}: a value is NaN", _REMEDY)


def check_inputs(examples: Examples, what: str) -> None:
    """Refuse inputs that hold a NaN; they may be infinite, as a mask of attention is.

    Args:
        examples: the inputs.
        what: they are, for the message.

    Raises:
        InputError: the sample is named.
    """
    where = first_sample(examples, torch.isnan)
    if where is not None:
        raise InputError(f"{what}, {where}: a value is NaN", "Leave the sample out, or mend it")


def first_sample(examples: Examples, wrong: Callable[[Tensor], Tensor]) -> str | None:
    """Return the first sample (0-based) with a value for which `wrong` holds, in words; None: there is none."""
    for tensor in filter(_of_numbers, examples.samples()):
        bad = wrong(tensor).reshape(len(tensor), -1).any(1)
        if bool(bad.any()):
            return "its only sample" if examples.batch_dim is None else f"sample {int(bad.nonzero()[0, 0])}"
    leaves = (leaf for leaf in pytree.tree_leaves((examples.args, dict(examples.kwargs))) if isinstance(leaf, Tensor))
    shared = any(bool(wrong(leaf).any()) for leaf in filter(_of_numbers, leaves))
    return "an input of all samples" if shared else None


def _of_numbers(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _finite(tensor: Tensor) -> bool:
    return not _of_numbers(tensor) or bool(torch.isfinite(tensor).all())
