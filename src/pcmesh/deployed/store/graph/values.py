"""Arguments of a network as JSON and tensors: tuples, lists, dictionaries, numbers, texts, tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pcmesh.errors import InputError

_PLAIN = (bool, int, str, type(None))


def pack(value: Any, tensors: dict[str, Tensor], prefix: str) -> Any:
    """Return a value as JSON; its tensors are added to `tensors` under names that begin with `prefix`.

    Raises:
        InputError: it holds something that no file can hold without code.
    """
    if isinstance(value, Tensor):
        name = f"{prefix}{len(tensors)}"
        tensors[name] = stored(value)
        return {"tensor": name}
    if type(value) in _PLAIN:
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if type(value) in (tuple, list):
        return {type(value).__name__: [pack(entry, tensors, prefix) for entry in value]}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": [[key, pack(entry, tensors, prefix)] for key, entry in value.items()]}
    raise InputError(
        f"the example inputs hold a {type(value).__name__}, which no folder holds",
        "Save a network whose inputs are tensors, numbers, texts, tuples, lists and dictionaries of these",
    )


def unpack(packed: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return what `pack` was given.

    Raises:
        ValueError: it is not of `pack`.
    """
    if type(packed) in _PLAIN:
        return packed
    if not isinstance(packed, dict) or len(packed) != 1:
        raise ValueError("an argument of no kind")
    ((kind, content),) = packed.items()
    if kind == "tensor" and content in tensors:
        return tensors[content]
    if kind == "float" and isinstance(content, str):
        return float.fromhex(content)
    if kind == "dtype" and isinstance(getattr(torch, str(content), None), torch.dtype):
        return getattr(torch, str(content))
    if kind in ("tuple", "list") and isinstance(content, list):
        entries = [unpack(entry, tensors) for entry in content]
        return tuple(entries) if kind == "tuple" else entries
    if kind == "dict" and isinstance(content, list):
        return {str(key): unpack(entry, tensors) for key, entry in content}
    raise ValueError(f"an argument of kind {kind!r:.40}")


def stored(tensor: Tensor) -> Tensor:
    """Return a tensor as safetensors take it: plain, contiguous, in memory of its own.

    Raises:
        InputError: it is sparse, quantised or of another kind that has no plain memory.
    """
    plain = tensor.detach()
    if plain.layout is not torch.strided or plain.is_quantized or type(plain) not in (Tensor, torch.nn.Parameter):
        raise InputError(
            f"the network holds a {type(plain).__name__} ({plain.layout}, {plain.dtype}), which no folder holds",
            "Save a network of plain tensors",
        )
    return plain.cpu().clone(memory_format=torch.contiguous_format)
