"""Arguments of a call, bound to the network's own signature and held against those that it was compiled with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from pcmesh.errors import InputError
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def fitting(captured: CapturedNetwork, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Examples:
    """Return a call's arguments as the captured network takes them.

    Raises:
        InputError: they do not fit; the argument is named.
    """
    wanted, signature = captured.examples, _signature(captured)
    given = _labelled(signature, args, kwargs)
    examples = _labelled(signature, wanted.args, wanted.kwargs, partial=True)
    sizes = _Sizes()
    if captured.program is None:
        for label, value in given.items():
            if label in examples:
                _same_types(label, value, examples[label])
        bound = signature.bind(*args, **kwargs)
        return Examples.of_size(bound.args, bound.kwargs, wanted.batch_dim)
    _check_names(signature, given, examples)
    positional = list(_labelled(signature, wanted.args, {}, partial=True))
    found, shapes = {}, iter(_shapes(captured))
    for label in (*positional, *wanted.kwargs):  # the order of the exported network's inputs
        value = examples[label]
        leaves, structure = pytree.tree_flatten(value)
        own, own_structure = pytree.tree_flatten(given.get(label, value))
        if own_structure != structure:
            raise InputError(
                f"argument {label!r} is built otherwise than when the network was compiled",
                f"Give it as {_described(value)}",
            )
        fitted = [sizes.fitted(label, a, b, next(shapes, None)) for a, b in zip(own, leaves, strict=True)]
        found[label] = pytree.tree_unflatten(fitted, structure)
    args = tuple(found[label] for label in positional)
    return Examples.of_size(args, {name: found[name] for name in wanted.kwargs}, wanted.batch_dim)


def _signature(captured: CapturedNetwork) -> inspect.Signature:
    if captured.signature is not None:
        return captured.signature
    names: Sequence[str] = ()
    if captured.program is not None and captured.program.module_call_graph[0].signature is not None:
        names = captured.program.module_call_graph[0].signature.forward_arg_names or ()
    count = len(captured.examples.args)
    names = [*(list(names[:count]) or [f"input_{n}" for n in range(count)]), *captured.examples.kwargs]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in names])


def _labelled(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any], partial: bool = False
) -> dict[str, Any]:
    """Return arguments by name, those of `*args` as `args[0]` and so on, in the signature's order."""
    try:
        bound = (signature.bind_partial if partial else signature.bind)(*args, **kwargs)
    except TypeError as error:
        names = ", ".join(str(parameter) for parameter in signature.parameters.values())
        raise InputError(f"the network cannot be called so: {error}", f"Its arguments are ({names})") from error
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            found |= {f"{name}[{number}]": entry for number, entry in enumerate(value)}
        elif kind is inspect.Parameter.VAR_KEYWORD:
            found |= value
        else:
            found[name] = value
    return found


def _check_names(signature: inspect.Signature, given: Mapping[str, Any], examples: Mapping[str, Any]) -> None:
    """Refuse arguments that the network was not compiled with, or without; defaults may be given or left out."""
    for label, value in given.items():
        if label not in examples and not _is_default(signature, label, value):
            raise InputError(
                f"argument {label!r}: the network was compiled without it", "Compile with example inputs that have it"
            )
    for label, value in examples.items():
        if label not in given and not _is_default(signature, label, value):
            raise InputError(
                f"argument {label!r} is missing: the network was compiled with {_described(value)}", "Give it"
            )


def _is_default(signature: inspect.Signature, label: str, value: Any) -> bool:
    parameter = signature.parameters.get(label)
    if parameter is None or parameter.default is inspect.Parameter.empty:
        return False
    return _same(value, parameter.default)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return a is b
    return type(a) is type(b) and bool(a == b)


def _same_types(label: str, given: Any, wanted: Any) -> None:
    """Refuse tensors of other dimensions or types where the network's own code runs."""
    own, leaves = pytree.tree_leaves(given), pytree.tree_leaves(wanted)
    if len(own) == len(leaves):
        for a, b in zip(own, leaves, strict=True):
            if isinstance(a, Tensor) and isinstance(b, Tensor):
                _of_type(label, a, b)


def _of_type(label: str, given: Tensor, wanted: Tensor) -> Tensor:
    """Return a tensor in the type that the network was compiled with, where no value changes by it."""
    if given.dim() != wanted.dim():
        raise InputError(
            f"argument {label!r} has {given.dim()} dimensions, the example had {wanted.dim()} ({tuple(wanted.shape)})",
            "Give inputs of the examples' shape; the batch is free",
        )
    if given.dtype == wanted.dtype:
        return given
    if given.dtype in _INTEGERS and wanted.dtype in _INTEGERS:
        changed = given.to(wanted.dtype)
        if bool((changed.to(given.dtype) == given).all()):
            return changed
    raise InputError(
        f"argument {label!r} is of type {given.dtype}, the network was compiled with {wanted.dtype}",
        f"Give {label}.to({wanted.dtype})",
    )


@dataclass
class _Sizes:
    """Sizes that one call has given to the free dimensions, each with where."""

    known: dict[str, tuple[int, str]] = field(default_factory=dict)

    def fitted(self, label: str, given: Any, wanted: Any, shape: Sequence[Any] | None) -> Any:
        """Return a value as the exported network takes it; `shape`: a tensor's sizes, symbols where they are free."""
        if not isinstance(wanted, Tensor):
            if isinstance(given, Tensor) or not _same(given, wanted):
                raise InputError(
                    f"argument {label!r} is {_described(given)}, the network was compiled with {_described(wanted)}",
                    "Compile again with the value that you need: it is part of the exported network",
                )
            return given
        if not isinstance(given, Tensor):
            raise InputError(
                f"argument {label!r} is {_described(given)}, the network was compiled with {_described(wanted)}",
                "Give a tensor",
            )
        found = _of_type(label, given, wanted)
        for dim, size in enumerate(shape or ()):
            self._check(label, dim, int(given.shape[dim]), size)
        return found

    def _check(self, label: str, dim: int, given: int, wanted: Any) -> None:
        if isinstance(wanted, int):
            if given != wanted:
                raise InputError(
                    f"argument {label!r} has size {given} in dimension {dim}, the network was compiled with {wanted}",
                    "Give inputs of the examples' shape, or compile with dynamic_shapes that leave this dimension free",
                )
            return
        where = f"{given} in dimension {dim} of {label!r}"
        before, place = self.known.setdefault(str(wanted), (given, where))
        if str(wanted).isidentifier() and before != given:
            raise InputError(f"sizes that must be one: {place}, {where}", "Give every input the same samples")


def _shapes(captured: CapturedNetwork) -> list[Sequence[Any] | None]:
    """Return the shapes of the arguments' leaves as `torch.export` found them."""
    graph: Any = captured.module.graph
    values = [node.meta.get("val") for node in graph.nodes if node.op == "placeholder"]
    return [tuple(value.shape) if isinstance(value, Tensor) else None for value in values]


def _described(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)} of {value.dtype}"
    text = repr(pytree.tree_map(lambda leaf: type(leaf).__name__ if isinstance(leaf, Tensor) else leaf, value))
    return text if len(text) <= 80 else f"{text[:77]}..."
