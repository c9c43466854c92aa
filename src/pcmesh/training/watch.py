"""Watches the functions that a network calls, and disturbs its products with weights as the chip does.

What counts as such a product is what the compiler takes: a function of `pcmesh.network.operations.functions` with one
factor made of weights alone and another one computed, whatever module or code calls it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import Any, cast

import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pcmesh.errors import ConfigurationError
from pcmesh.network.exported.capture import inside
from pcmesh.network.operations.functions import PRODUCTS, Factor, Group, Place
from pcmesh.network.operations.records import MOVED
from pcmesh.network.operations.table import OPERATIONS
from pcmesh.network.products import tied_names
from pcmesh.training.config import NoiseConfig
from pcmesh.training.limits import LimitedWeight
from pcmesh.training.noise import Normal, add_relative_normal, device_noise, largest_magnitude
from pcmesh.training.origins import Origin, Origins, tensors_in
from pcmesh.training.ranges import InputRanges

_NO_PRODUCTS = (
    nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase, nn.PReLU
)  # fmt: skip
_VIEWS = frozenset(name for name, record in OPERATIONS.items() if record.digital == MOVED and not name.endswith("_"))
_QUESTIONS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


class Watch(TorchFunctionMode):
    """One pass of a network under noise.

    Args:
        network: that runs.
        noise: kinds and sizes of the disturbances.
        normal: source of the noise.
        ranges: of the layers' inputs.
        digital: names of modules and parameters whose products meet no noise.

    Attributes:
        met: name of what the memory of a weight in a product holds -> the weight.
    """

    def __init__(
        self, network: nn.Module, noise: NoiseConfig, normal: Normal, ranges: InputRanges, digital: Collection[str]
    ) -> None:
        super().__init__()
        self.noise, self.normal, self.ranges, self.digital = noise, normal, ranges, digital
        self.origins = Origins(network)
        self.met: dict[str, LimitedWeight] = {}
        self._tied = tied_names(network) if digital else {}
        self._depth = 0
        self._draws: dict[str, Tensor] = {}
        self._noisy: dict[str, Tensor] = {}
        self._clean: dict[int, Tensor] = {}

    def noisy_parameters(self, network: nn.Module) -> dict[str, Tensor]:
        """Return noisy copies of the parameters that may be weights, to stand in for them while the network runs.

        So code that hides its functions from the watch meets noise, too. Whatever is no product takes the clean one.
        """
        copies: dict[str, Tensor] = {}
        for prefix, module in network.named_modules() if self._has_weight_noise else ():
            if isinstance(module, _NO_PRODUCTS):
                continue
            transposed = getattr(module, "transposed", False) or type(module).__name__ == "Conv1D"
            for own, parameter in module._parameters.items():
                name = f"{prefix}.{own}" if prefix else own
                origin = None if parameter is None or parameter.dim() < 2 else self._weight(parameter)
                if origin is None or parameter is None or origin.root != name or ".parametrizations." in f".{name}":
                    continue
                if not self._is_digital(origin):
                    copies[name] = self._copy(parameter, origin, transposed)
        return copies

    def _copy(self, parameter: Tensor, origin: Origin, transposed: bool) -> Tensor:
        turned = parameter.transpose(0, 1) if transposed else parameter
        noisy = self._columns_first(turned, 1, origin)
        copy = noisy.transpose(0, 1) if transposed else noisy
        self._draws.clear()  # a copy of one parameter needs no second draw
        self.origins.keep(copy, origin.root, origin.sources)
        self._clean[id(copy)] = parameter
        return copy

    @contextmanager
    def following(self, network: nn.Module) -> Iterator[None]:
        """Tell when a digital module runs, as the compiler's pins do."""

        def enter(_module: nn.Module, _args: Any) -> None:
            self._depth += 1

        def leave(_module: nn.Module, _args: Any, _output: Any) -> None:
            self._depth -= 1

        with ExitStack() as hooks:
            for name, module in network.named_modules(remove_duplicate=False) if self.digital else ():
                if name in self.digital:
                    hooks.callback(module.register_forward_pre_hook(enter).remove)
                    hooks.callback(module.register_forward_hook(leave, always_call=True).remove)
            yield

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        find = PRODUCTS.get(getattr(func, "__name__", ""))
        if find is not None and not self._depth:
            disturbed = self._disturbed(find(args, kwargs), args, kwargs)
            if disturbed is not None:
                return self._outputs(func(*disturbed[0], **disturbed[1]))
        elif isinstance(func, FunctionType) and self._takes_weights(func, args, kwargs):
            with self:
                return _opened(func)(*args, **kwargs)
        if not self._clean or not any(id(tensor) in self._clean for tensor in tensors_in((args, kwargs))):
            out = func(*args, **kwargs)
            self.origins.follow(func, args, kwargs, out)
            return out
        clean, named = self._without_noise(args), self._without_noise(kwargs)
        out = func(*clean, **named)
        self.origins.follow(func, clean, named, out)
        return self._moved(func(*args, **kwargs), out) if getattr(func, "__name__", "") in _VIEWS else out

    def _moved(self, noisy: Any, clean: Any) -> Any:
        """Return a noisy copy, moved, and note what it stands in for; the clean one where that is no weight."""
        if isinstance(clean, tuple | list):
            return type(clean)(self._moved(*pair) for pair in zip(noisy, clean, strict=True))
        if not isinstance(clean, Tensor):
            return clean
        origin = self.origins.of(clean)
        if origin is None:
            return clean
        self.origins.keep(noisy, origin.root, origin.sources)
        self._clean[id(noisy)] = clean
        return noisy

    def _without_noise(self, values: Any) -> Any:
        """Return arguments with parameters in place of their noisy copies."""
        if isinstance(values, Tensor):
            return self._clean.get(id(values), values)
        if isinstance(values, Mapping):
            return {name: self._without_noise(value) for name, value in values.items()}
        if type(values) in (tuple, list):
            return type(values)(self._without_noise(value) for value in values)
        return values

    def _takes_weights(self, func: FunctionType, args: Any, kwargs: Mapping[str, Any]) -> bool:
        """Return whether a function written in Python, as attention's, may multiply with a weight inside."""
        if not func.__module__.startswith("torch.nn.functional") or not set(_QUESTIONS) & set(func.__code__.co_names):
            return False
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        known = [tensor.dim() >= 2 and self._weight(tensor) is not None for tensor in tensors]
        return any(known) and not all(known)

    def _weight(self, tensor: Tensor) -> Origin | None:
        """Return the origin of a tensor that the compiler takes as a weight."""
        origin = self.origins.of(tensor)
        return origin if origin is not None and origin.sources and tensor.is_floating_point() else None

    def _disturbed(
        self, groups: Iterator[Group], args: Any, kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]] | None:
        """Return the arguments with noisy weights and rounded inputs; None where this is no product with a weight."""
        new: list[tuple[Place, Tensor]] = []
        for group in groups:
            computed = [factor for factor in group if self.origins.of(factor.value) is None]
            weights = [(f, o) for f in group if f.rows and (o := self._weight(f.value)) is not None]
            if not computed or not weights or any(factor.bias for factor in computed):
                continue
            if all(self._is_digital(origin) for _, origin in weights):
                continue
            new += [(factor.place, self._devices(factor, origin)) for factor, origin in weights]
            if self.noise.input_levels:
                rounded = self.ranges.quantise(weights[0][1].key, computed[0].value, self.noise.input_levels)
                new.append((computed[0].place, rounded))
        return _replaced(args, kwargs, new) if new else None

    def _is_digital(self, origin: Origin) -> bool:
        names = [name for source in origin.sources for name in self._tied.get(source, (source,))]
        return bool(self.digital) and all(any(inside(name, entry) for entry in self.digital) for name in names)

    def _devices(self, factor: Factor, origin: Origin) -> Tensor:
        """Return a weight as devices hold it: the same in all its uses of a pass."""
        if origin.root not in self.met:
            _refuse_recomputation(origin)
            plain = origin.root in origin.sources
            self.met[origin.root] = LimitedWeight(
                origin.sources, None if plain else largest_magnitude(factor.value.detach())
            )
        if not self._has_weight_noise:
            return factor.value
        clean = self._clean.get(id(factor.value), factor.value)
        repeated = [axis for axis, step in enumerate(clean.stride()) if step == 0 and clean.shape[axis] > 1]
        for axis in repeated:
            clean = clean.narrow(axis, 0, 1)
        columns = tuple(axis for axis in range(clean.dim()) if axis not in factor.rows)
        order = (*columns, *factor.rows)
        noisy = self._columns_first(clean if order == _plain(clean) else clean.permute(order), len(columns), origin)
        turned = noisy if order == _plain(clean) else noisy.permute([order.index(axis) for axis in _plain(clean)])
        return turned.expand(factor.value.shape) if repeated else turned

    def _columns_first(self, weight: Tensor, columns: int, origin: Origin) -> Tensor:
        noise, columns = self.noise, columns if self.noise.columns else 0
        key = f"{columns}:{origin.root}@{weight.storage_offset()}{tuple(weight.shape)}{weight.stride()}"
        learns = weight.requires_grad and torch.is_grad_enabled()
        noisy = self._noisy.get(key)
        if noisy is None or (learns and not noisy.requires_grad):
            draw = self._draws.setdefault(key, self.normal.like(weight)) if key not in self._draws else self._draws[key]
            noisy = device_noise(weight, draw, noise.weight_sigma, noise.weight_relative, columns)
            self._noisy[key] = noisy
        return noisy if learns or not noisy.requires_grad else noisy.detach()

    @property
    def _has_weight_noise(self) -> bool:
        return bool(self.noise.weight_sigma or self.noise.weight_relative)

    def _outputs(self, out: Any) -> Any:
        if not self.noise.output_sigma:
            return out
        if isinstance(out, tuple):
            return (add_relative_normal(out[0], self.noise.output_sigma, self.normal), *out[1:])
        return add_relative_normal(out, self.noise.output_sigma, self.normal)


def _plain(tensor: Tensor) -> tuple[int, ...]:
    return tuple(range(tensor.dim()))


def _replaced(
    args: Any, kwargs: Mapping[str, Any], new: list[tuple[Place, Tensor]]
) -> tuple[list[Any], dict[str, Any]]:
    values, named = list(args), dict(kwargs)
    for place, tensor in new:
        holder: Any = values if isinstance(place[0], int) else named
        if len(place) == 1:
            holder[place[0]] = tensor
        else:
            own = holder[place[0]]
            rest = list(own)
            rest[cast(int, place[1])] = tensor
            holder[place[0]] = tuple(rest) if isinstance(own, tuple) else rest
    return values, named


def _opened(func: FunctionType) -> Callable[..., Any]:
    """Return a function of PyTorch's that does what it does for plain tensors, so that its own calls are watched."""
    answers = dict.fromkeys(_QUESTIONS, lambda *_: False)
    opened = FunctionType(func.__code__, func.__globals__ | answers, func.__name__, func.__defaults__, func.__closure__)
    opened.__kwdefaults__ = func.__kwdefaults__
    return opened


def _refuse_recomputation(origin: Origin) -> None:
    """Gradient checkpointing runs a part of the network again in the backward pass, where nobody watches."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == torch.utils.checkpoint.__file__:
            raise ConfigurationError(
                f"{' and '.join(origin.sources)}: gradient checkpointing would compute its layer again without noise",
                "Switch checkpointing off while training for the chip",
            )
        frame = frame.f_back
