"""PyTorch's own database of modules: every sample of every module with weights equals PyTorch on the ideal chip."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

import pcmesh
from pcmesh.errors import PcmeshError

pytest.importorskip("expecttest")
from torch.testing._internal.common_modules import ModuleInfo, module_db

WITHIN = 2e-3
QUICK = {"Linear", "Bilinear", "RNNCell", "ConvTranspose1d"}
"""Modules that every run of the tests takes; the others are long."""
REASONS = ("no matrix product with a weight", "no weight")
WITH_WEIGHTS = [info for info in module_db if not info.module_cls.__name__.startswith(("Batch", "Lazy", "Sync"))]


def samples(info: ModuleInfo) -> Iterator[tuple[nn.Module, tuple[Any, ...], dict[str, Any]]]:
    """Yield modules that hold matrices, with what they are called with."""
    made = info.module_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=False)
    for sample in made:
        module = info.module_cls(*sample.constructor_input.args, **sample.constructor_input.kwargs).eval()
        given = sample.forward_input
        if given is not None and any(parameter.dim() >= 2 for parameter in module.parameters()):
            yield module, given.args, given.kwargs


def named(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments of a call by name."""
    return dict(inspect.signature(module.forward).bind(*args, **kwargs).arguments)


def error_of(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], by_name: bool) -> float:
    """Return the largest error on the ideal chip as a share of the largest output; 0 where the module is refused."""
    wanted = module(*args, **kwargs)
    inputs: Any = named(module, args, kwargs) if by_name or kwargs else args
    try:
        chip = pcmesh.compile(module, inputs, chip="ideal", clipped_share=0.0, batch_dim=None)
    except PcmeshError as error:
        if not any(reason in str(error) for reason in REASONS):
            raise
        return 0.0
    got = chip(**inputs) if isinstance(inputs, dict) else chip(*inputs)
    pairs = zip(pytree.tree_leaves(wanted), pytree.tree_leaves(got), strict=True)
    return max(
        (float((a - b).abs().max() / a.abs().max().clamp(min=1e-9)) for a, b in pairs if isinstance(a, Tensor)),
        default=0.0,
    )


def check(info: ModuleInfo, by_name: bool) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        for number, (module, args, kwargs) in enumerate(samples(info)):
            assert error_of(module, args, kwargs, by_name) < WITHIN, f"sample {number}"


@pytest.mark.parametrize(
    "info", [i for i in WITH_WEIGHTS if i.module_cls.__name__ in QUICK], ids=lambda info: info.module_cls.__name__
)
def test_modules_are_what_pytorch_computes(info: ModuleInfo) -> None:
    check(info, by_name=False)


@pytest.mark.long
@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("info", WITH_WEIGHTS, ids=lambda info: info.module_cls.__name__)
def test_every_module_is_what_pytorch_computes(info: ModuleInfo, by_name: bool) -> None:
    check(info, by_name)
