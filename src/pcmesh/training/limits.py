"""Holding weights within a limit, those too that the network computes from other parameters."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from pcmesh.network.exported.capture import inside

ANALOG_LAYERS = (
    nn.Linear, nn.Bilinear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
    nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention,
)  # fmt: skip
"""Layers that are known to hold analog weights before a pass has shown which weights products use."""


@dataclass(frozen=True)
class LimitedWeight:
    """A weight that a pass met in a product.

    Attributes:
        sources: qualified names of the parameters and buffers that it is made of.
        largest: its largest magnitude where it is computed from them; None for a parameter itself.
    """

    sources: tuple[str, ...]
    largest: Tensor | None


class WeightLimits:
    """Which tensors of a network are held within the limit.

    Args:
        network: with these weights.
        digital: names of modules and parameters without a limit.

    Attributes:
        met: name -> weight, as passes met them.
    """

    def __init__(self, network: nn.Module, digital: Collection[str]) -> None:
        self.met: dict[str, LimitedWeight] = {}
        self._digital = frozenset(digital)
        self._name = type(network).__name__
        self._warned: set[str] = set()

    def is_digital(self, name: str) -> bool:
        """Return whether a module or parameter is, or lies in, one that stays digital."""
        return any(inside(name, entry) for entry in self._digital)

    @torch.no_grad()
    def clip(self, network: nn.Module, limit: float) -> None:
        """Hold every analog weight of the network within +- limit; what cannot be is named in a warning, once."""
        sources = {source for weight in self.met.values() for source in weight.sources}
        held: set[str] = set()
        for prefix, module in network.named_modules():
            start = f"{prefix}." if prefix else ""
            for name in _parametrised(module):
                beginning = f"{start}parametrizations.{name}."
                made = {source for source in sources if source.startswith(beginning)}
                if not self.is_digital(f"{start}{name}") and (made or is_analog(module)):
                    self._clip_parametrised(module, name, limit, f"{start}{name}")
                    held |= made
            held |= self._clip_own(module, start, sources, limit)
        self._warn_of_others(held, limit)

    def _clip_own(self, module: nn.Module, start: str, sources: set[str], limit: float) -> set[str]:
        """Hold a module's own weights within +- limit, and return the names of the parameters that do so."""
        held: set[str] = set()
        computed: set[str] = set()
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm):
                computed.add(f"{hook.name}_orig")
            elif isinstance(hook, WeightNorm):
                parts = {f"{hook.name}_g", f"{hook.name}_v"}
                computed |= parts
                made = {f"{start}{name}" for name in parts}
                if not self.is_digital(f"{start}{hook.name}") and (made & sources or is_analog(module)):
                    _clip_normed(module, hook, limit)
                    held |= made
        for name, parameter in module._parameters.items():
            if (
                parameter is not None
                and name not in computed
                and self._is_clipped(f"{start}{name}", name, parameter, module)
            ):
                parameter.clamp_(-limit, limit)
                held.add(f"{start}{name}")
        return held

    def _is_clipped(self, label: str, name: str, parameter: Tensor, module: nn.Module) -> bool:
        if self.is_digital(label):
            return False
        known = is_analog(module) and parameter.dim() >= 2 and not name.startswith("bias")
        return known or label in self.met

    def _clip_parametrised(self, module: nn.Module, name: str, limit: float, label: str) -> None:
        value = getattr(module, name)
        if value.dim() < 2 or float(value.abs().amax()) <= limit:
            return
        why = "its parametrisation cannot hold these values"
        try:
            setattr(module, name, value.clamp(-limit, limit))
        except (NotImplementedError, RuntimeError, ValueError, TypeError) as error:
            why = f"its parametrisation has no way back ({str(error).splitlines()[0]})"
        left = float(getattr(module, name).abs().amax())
        if left > limit * 1.001:
            self._warn(label, f"{label} reaches {left:.3g}, beyond the limit {limit:g}: {why}")

    def _warn_of_others(self, held: set[str], limit: float) -> None:
        for name, weight in self.met.items():
            if weight.largest is None or held.intersection(weight.sources) or float(weight.largest) <= limit:
                continue
            sources = " and ".join(weight.sources)
            text = f"a weight computed from {sources} reaches {float(weight.largest):.3g}, beyond the limit {limit:g}"
            self._warn(name, f"{text}: the network's own code computes it, so clip_weights cannot hold it")

    def _warn(self, key: str, text: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            warnings.warn(text, stacklevel=6)


def is_analog(layer: nn.Module) -> bool:
    """Return whether a layer's weights run on tiles; Conv1D of `transformers` (GPT-2's linear layers) is one."""
    transformers = sys.modules.get("transformers.pytorch_utils")  # loaded wherever a network has such a layer
    return isinstance(layer, ANALOG_LAYERS if transformers is None else (*ANALOG_LAYERS, transformers.Conv1D))


def _parametrised(module: nn.Module) -> Iterator[str]:
    if parametrize.is_parametrized(module):
        yield from module.parametrizations  # type: ignore[misc]


def _clip_normed(module: nn.Module, hook: WeightNorm, limit: float) -> None:
    """Hold a weight of the older `torch.nn.utils.weight_norm` within +- limit."""
    weight = hook.compute_weight(module)
    if float(weight.abs().amax()) <= limit:
        return
    clipped = weight.clamp(-limit, limit)
    getattr(module, f"{hook.name}_v").copy_(clipped)
    getattr(module, f"{hook.name}_g").copy_(
        clipped.norm() if hook.dim == -1 else torch.norm_except_dim(clipped, 2, hook.dim)
    )
    setattr(module, hook.name, hook.compute_weight(module))
