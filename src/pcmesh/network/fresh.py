"""A copy of a network of one's own, without wrappers; whatever cannot be copied or captured says why."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.parameter import is_lazy
from torch.utils import _pytree as pytree

from pcmesh.errors import UnsupportedModelError

_QUANTIZED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")
_PLAIN = (Tensor, nn.Parameter, nn.Buffer, nn.UninitializedParameter, nn.UninitializedBuffer)


def fresh_copy(network: nn.Module) -> nn.Module:
    """Return a copy of a network in evaluation mode that shares no memory with it, without wrappers.

    Wrappers of `torch.compile`, `DataParallel` and `DistributedDataParallel` are left out, so names are the network's.

    Raises:
        UnsupportedModelError: it is no plain module, or cannot be copied; the reason is named.
    """
    plain = unwrapped(network)
    _check(plain)
    try:
        made = copy.deepcopy(plain, {id(tensor): tensor.detach().clone() for tensor in _computed(plain)})
    except Exception as error:
        raise UnsupportedModelError(
            f"the network cannot be copied ({str(error).splitlines()[0] if str(error) else type(error).__name__})",
            "Give a network that copy.deepcopy copies: without open files, locks or generators in its modules",
        ) from error
    for module in list(made.modules()):
        for name, child in list(module.named_children()):
            inner = unwrapped(child)
            if inner is not child:
                setattr(module, name, inner)
    try:
        return made.eval()
    except NotImplementedError:  # an exported program is in the mode in which it was exported
        return made


def unwrapped(network: nn.Module) -> nn.Module:
    """Return what a wrapper of PyTorch wraps; a plain module itself."""
    while True:
        if isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
            network = network.module
        elif isinstance(network, torch._dynamo.OptimizedModule):
            network = network._orig_mod
        else:
            return network


def _computed(network: nn.Module) -> Iterator[Tensor]:
    """Yield tensors that modules computed with gradients, which cannot be copied (torch.nn.utils.weight_norm's)."""
    for module in network.modules():
        for value in vars(module).values():
            for leaf in pytree.tree_leaves(value):
                if isinstance(leaf, Tensor) and not leaf.is_leaf:
                    yield leaf


def _check(network: Any) -> None:
    if not isinstance(network, nn.Module):
        raise UnsupportedModelError(
            f"the network is a {type(network).__name__}, not an nn.Module", "Give an nn.Module, with its weights"
        )
    for name, module in network.named_modules():
        reason = _reason(module)
        if reason is not None:
            raise UnsupportedModelError(f"{f'module {name}' if name else 'the network'}: {reason[0]}", reason[1])
    for name, parameter in [*network.named_parameters(), *network.named_buffers()]:
        if is_lazy(parameter):
            raise UnsupportedModelError(f"{name}: has no values yet", "Run the network once before compiling it")
        if type(parameter) not in _PLAIN or parameter.layout != torch.strided:
            kind = type(parameter).__name__ if type(parameter) not in _PLAIN else str(parameter.layout)
            raise UnsupportedModelError(
                f"{name}: is no plain tensor ({kind})", "Give the network with dense tensors of floating-point numbers"
            )
        if parameter.is_meta:
            raise UnsupportedModelError(f"{name}: is on the device 'meta', without values", "Load the weights first")


def _reason(module: nn.Module) -> tuple[str, str] | None:
    """Return why a module cannot be captured, and what to do."""
    if isinstance(module, torch.jit.ScriptModule):
        return (
            "is a TorchScript module, whose operations cannot be followed",
            "Give the nn.Module that it was made of, with the weights of its state_dict()",
        )
    if type(module).__module__.startswith(_QUANTIZED):
        return ("holds integers packed for another processor", "Give the network as it was before quantisation")
    if isinstance(module, fx.GraphModule) and any(map(_trains, module.graph.nodes)):
        return (
            "was exported in training mode",
            "Export it in evaluation mode: export(network.eval(), ...)",
        )
    return None


def _trains(node: fx.Node) -> bool:
    """Return whether a node of a graph is a dropout or a batch normalisation in training."""
    kind = str(node.target)
    if kind in ("aten.dropout.default", "aten.dropout_.default", "aten.feature_dropout.default"):
        return bool(node.args[2])
    return kind == "aten.batch_norm.default" and bool(node.args[5])
