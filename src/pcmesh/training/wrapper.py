"""Hardware-aware training: a network learns under the noise that it will meet on the chip.

Source: Ambrogio et al., Nature 620, 768 (2023), Methods, "KWS network training, pruning and calibration".
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from pcmesh.checks import Names, Seed, checked
from pcmesh.errors import ConfigurationError, UnsupportedModelError
from pcmesh.random import torch_generator
from pcmesh.training.config import NoiseConfig
from pcmesh.training.limits import WeightLimits, is_analog
from pcmesh.training.noise import Normal
from pcmesh.training.ranges import InputRanges
from pcmesh.training.watch import Watch


class HardwareAware(nn.Module):
    """A network that, in training mode, runs on a noisy copy of its weights with noisy outputs of its products.

    The products are those that the compiler puts on tiles, whatever code computes them: a factor is a parameter, or is
    computed from parameters alone (weight norm and other parametrisations, views, tied weights). A weight's noise is
    drawn once a pass, however often the weight is used. The wrapped network is not changed, so optimisers, gradient
    accumulation, autocast, checkpoints and DistributedDataParallel work as without the wrapper. In evaluation mode the
    wrapper is the network itself.

    Args:
        network: any module.
        noise: kinds and sizes of the disturbances.
        generator: source of the noise; see `pcmesh.random.torch_generator`.
        digital: names of modules and parameters that the chip leaves to digital logic: they meet no noise and no limit.

    Attributes:
        ranges: the full scales of the layers' inputs, by which they are rounded.

    Raises:
        ConfigurationError: the network has no weight that could be analog, or nothing of a name in `digital`; in the
            first pass: no product with a weight was met, or gradient checkpointing would repeat one without noise.
        UnsupportedModelError: a module hides its products (TorchScript, `torch.compile`); it is named.

    Warns:
        UserWarning: in the first pass, if a layer was part of no product that was met; it is named.

    Example:
        >>> model = HardwareAware(network, NoiseConfig(), torch_generator(0, "training"))
        >>> loss = cross_entropy(model(x), y); loss.backward(); optimiser.step(); model.clip_weights()
    """

    def __init__(
        self, network: nn.Module, noise: NoiseConfig, generator: torch.Generator, digital: Collection[str] = ()
    ) -> None:
        super().__init__()
        self.digital = frozenset(digital)
        names = {name for name, _ in (*network.named_modules(remove_duplicate=False), *network.named_parameters())}
        unknown = self.digital - names
        if unknown:
            raise ConfigurationError(f"{type(network).__name__} has no layer {min(unknown)!r}", "Name layers it has")
        self.network = network
        self.noise = noise
        self.ranges = InputRanges()
        self._normal = Normal(generator)
        self._limits = WeightLimits(network, self.digital)
        _refuse_hidden(network, self._limits)
        if all(parameter.dim() < 2 for parameter in network.parameters()):
            raise _nothing_analog(network)

    @property
    def generator(self) -> torch.Generator:
        """The source of the noise."""
        return self._normal.generator

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network; in training mode with this mini-batch's noise."""
        if not self.training:
            return self.network(*args, **kwargs)
        if torch.compiler.is_compiling():
            return torch.compiler.disable(self._under_noise)(args, kwargs)  # type: ignore[no-untyped-call]
        return self._under_noise(args, kwargs)

    def clip_weights(self) -> None:
        """Hold every analog weight within +- `noise.weight_limit`; call it after each optimiser step.

        A weight that a parametrisation computes is clipped itself: its parameters become those of the clipped weight.

        Warns:
            UserWarning: a weight that the network computes cannot be clipped; it is named.
        """
        self._limits.clip(self.network, self.noise.weight_limit)

    def met_weights(self) -> tuple[tuple[str, ...], ...]:
        """Return the weights that passes met in products: of each, the parameters and buffers that it is made of."""
        return tuple(weight.sources for weight in self._limits.met.values())

    def _under_noise(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.ranges.next_batch()
        watch = Watch(self.network, self.noise, self._normal, self.ranges, self.digital)
        copies = watch.noisy_parameters(self.network)
        with watch.following(self.network), watch:
            out = functional_call(self.network, copies, args, kwargs)
        if not self._limits.met:
            self._check_first(watch)
        self._limits.met |= watch.met
        return out

    def _check_first(self, watch: Watch) -> None:
        """Name what a first pass did not meet."""
        if not watch.met:
            raise _nothing_analog(self.network)
        used = {source for weight in watch.met.values() for source in weight.sources}
        known = {id(parameter) for name, parameter in self.network.named_parameters() if name in used}
        unused = [
            name
            for name, layer in self.network.named_modules()
            if is_analog(layer) and not self._limits.is_digital(name) and not _is_used(layer, known)
        ]
        if unused:
            warnings.warn(
                f"{', '.join(unused[:8])}{', ..' if len(unused) > 8 else ''}: the first pass met no product with these "
                "layers' weights; if they run, they do so without the chip's noise",
                stacklevel=4,
            )


@checked
def hardware_aware(
    model: nn.Module, noise: NoiseConfig | None = None, *, seed: Seed = 0, digital: Names = ()
) -> HardwareAware:
    """Return a module that trains `model` under the chip's noise: use it in the training loop in the model's place.

    Args:
        model: any module; train the wrapper, then compile the model itself.
        noise: kinds and sizes of the disturbances; by default the paper's, with INT9 inputs. `ChipModel.noise_config()`
            gives those that a chip instance shows on a network.
        seed: of the noise.
        digital: names of modules and parameters that stay digital.

    Raises:
        ConfigurationError: the network has no analog layer.
        UnsupportedModelError: a module hides its products (TorchScript, `torch.compile`); it is named.

    Example:
        >>> aware = pcmesh.training.hardware_aware(model)
        >>> loss = cross_entropy(aware(x), y); loss.backward(); optimiser.step(); aware.clip_weights()
        >>> chip_model = pcmesh.compile(model, x)
    """
    weight = next(model.parameters(), None)
    device = torch.device("cpu") if weight is None else weight.device
    generator = torch_generator(seed, "training", "noise", device=device)
    return HardwareAware(model, noise or NoiseConfig(input_levels=255), generator, digital)


def _is_used(layer: nn.Module, used: Collection[int]) -> bool:
    """Return whether one of a layer's weights is used (by id); a layer without weights of its own has none to miss."""
    own = [parameter for parameter in layer.parameters() if parameter.dim() >= 2]
    return not own or any(id(parameter) in used for parameter in own)


def _refuse_hidden(network: nn.Module, limits: WeightLimits) -> None:
    for name, module in network.named_modules():
        hidden = "TorchScript" if isinstance(module, torch.jit.ScriptModule) else "torch.compile"
        if hidden == "torch.compile" and not hasattr(module, "_orig_mod"):
            continue
        if any(parameter.dim() >= 2 for parameter in module.parameters()) and not limits.is_digital(name):
            raise UnsupportedModelError(
                f"module {name or type(network).__name__}: {hidden} hides its products from hardware-aware training",
                "Wrap the module that it was made of (torch.compile the wrapper)",
            )


def _nothing_analog(network: nn.Module) -> ConfigurationError:
    return ConfigurationError(
        f"{type(network).__name__} has no analog layer", "Hardware-aware training needs a product with a weight"
    )
