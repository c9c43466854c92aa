"""Which tensors of a running network are made of its weights alone: what the compiler computes once and programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn

from pcmesh.network.operations.records import words

_RANDOM = frozenset(
    words(
        "rand randn randint randperm rand_like randn_like randint_like normal normal_ uniform_ bernoulli bernoulli_ "
        "multinomial exponential_ poisson random_"
    )
)
_LARGEST_LITERAL = 1 << 20
"""Tensors made of literals alone are remembered up to this size: masks and factors of weights, not whole states."""


@dataclass(frozen=True)
class Origin:
    """What a tensor is made of.

    Attributes:
        tensor: it; kept, so that no other takes its id.
        root: name of what its memory holds: a parameter, or a digest of how it was computed.
        sources: qualified names of the parameters and buffers in it.
    """

    tensor: Tensor
    root: str
    sources: tuple[str, ...]

    @property
    def key(self) -> str:
        """Name of the values: the root, and which view of it."""
        t = self.tensor
        return f"{self.root}@{t.storage_offset()}{tuple(t.shape)}{t.stride()}"


class Origins:
    """The tensors made of weights alone that one pass has met.

    Args:
        network: whose parameters, buffers and other tensors are the beginning.
    """

    def __init__(self, network: nn.Module) -> None:
        self._known: dict[int, Origin] = {}
        for name, tensor in _tensors(network):
            if id(tensor) not in self._known:
                self.keep(tensor, name, (name,))

    def of(self, tensor: Any) -> Origin | None:
        """Return a tensor's origin; None where it depends on the network's inputs."""
        return self._known.get(id(tensor))

    def follow(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Note what a function returned."""
        if not isinstance(out, Tensor | tuple | list):
            self._written(func, args)
            return
        outs = [each for each in (out if isinstance(out, tuple | list) else (out,)) if isinstance(each, Tensor)]
        if not outs:
            return
        taken = list(tensors_in((args, kwargs)))
        origins = [self.of(tensor) for tensor in taken]
        name = getattr(func, "__name__", str(func))
        if name in _RANDOM or None in origins or (taken and not origins):
            for each in outs:
                self._known.pop(id(each), None)
            return
        self._made(name, (args, kwargs), [origin for origin in origins if origin is not None], outs)

    def _made(self, name: str, call: Any, origins: list[Origin], outs: list[Tensor]) -> None:
        literal = not any(origin.sources for origin in origins)
        digest = ""
        for number, out in enumerate(outs):
            if id(out) in self._known or (literal and out.numel() > _LARGEST_LITERAL):
                continue
            view = next((o for o in origins if _same_memory(o.tensor, out)), None)
            if view is not None:
                self.keep(out, view.root, view.sources)
                continue
            digest = digest or _digest((name, *(origin.key for origin in origins), _literals(call)))
            sources = dict.fromkeys(source for origin in origins for source in origin.sources)
            given = (name,) if name in ("tensor", "as_tensor", "from_numpy") else ()
            self.keep(out, f"{digest}.{number}", (*sources, *given))

    def _written(self, func: Any, args: Any) -> None:
        """A tensor that something computed is written into is no weight any more."""
        if getattr(func, "__name__", "") == "__setitem__" and None in map(self.of, tensors_in(args[1:])):
            self._known.pop(id(args[0]), None)

    def keep(self, tensor: Tensor, root: str, sources: tuple[str, ...]) -> None:
        """Note what a tensor is made of."""
        self._known[id(tensor)] = Origin(tensor, root, sources)


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor that a network holds; plain attributes are constants to the compiler, too."""
    for prefix, module in network.named_modules():
        start = f"{prefix}." if prefix else ""
        for held in (module._parameters, module._buffers, vars(module)):
            for name, value in held.items():
                if isinstance(value, Tensor):
                    yield start + name, value


def tensors_in(values: Iterable[Any]) -> Iterator[Tensor]:
    """Yield the tensors among values, in lists, tuples and the values of dictionaries too."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)
        elif isinstance(value, dict):
            yield from tensors_in(value.values())


def _same_memory(a: Tensor, b: Tensor) -> bool:
    return a.layout is torch.strided and b.layout is torch.strided and _start(a) == _start(b)


def _start(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _literals(call: Any) -> str:
    if isinstance(call, Tensor):
        return ""
    if isinstance(call, dict):
        return ",".join(f"{name}={_literals(value)}" for name, value in call.items())
    return ",".join(map(_literals, call)) if isinstance(call, list | tuple) else repr(call)


def _digest(parts: tuple[str, ...]) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
