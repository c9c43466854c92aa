"""Hardware-aware training: a network learns under the noise that it will meet on the chip.

Source: Ambrogio et al., Nature 620, 768 (2023), Methods, "KWS network training, pruning and calibration".
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pcmesh.checks import CountOrNone, Names, Positive, Seed, Size, check_fields, checked
from pcmesh.errors import ConfigurationError
from pcmesh.random import torch_generator
from pcmesh.training.noise import add_device_noise, add_relative_normal

ANALOG_LAYERS = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
    nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class NoiseConfig:
    """What a network meets while it learns; a value of zero switches a disturbance off.

    Attributes:
        weight_sigma: standard deviation of the weight noise as a fraction of the layer's max|W| (paper: 0.02 of
            weights in (-1, 1)).
        weight_relative: the part of the weight noise that grows with the weight, as a fraction of its own magnitude.
        columns: whether each column (output of a layer) is written with a gain of its own, so that `weight_sigma` is a
            fraction of the column's largest weight.
        output_sigma: standard deviation of the noise on a layer's outputs as a fraction of their largest magnitude
            in the batch (paper: 0.04).
        weight_limit: `clip_weights` holds every weight within +- this (paper: 1).
        input_levels: largest magnitude of a layer's integer inputs; 255 is the chip's INT9 (sign and UINT8), with
            one scale for a vector. Gradients pass the rounding unchanged.
    """

    weight_sigma: Size = 0.02
    weight_relative: Size = 0.0
    columns: bool = False
    output_sigma: Size = 0.04
    weight_limit: Positive = 1.0
    input_levels: CountOrNone = 0

    def __post_init__(self) -> None:
        check_fields(self)


class HardwareAware(nn.Module):
    """A network that, in training mode, runs on a noisy copy of its weights with noisy layer outputs.

    The wrapped network is not changed: the noise of a mini-batch lives in functional copies of the weight matrices, so
    optimisers, gradient accumulation, autocast, checkpoints and DistributedDataParallel work as without the wrapper.
    In evaluation mode the wrapper is the network itself.

    Args:
        network: any module; the layers for which `is_analog` holds are taken as analog.
        noise: kinds and sizes of the disturbances.
        generator: source of the noise, on the device of the weights; see `pcmesh.random.torch_generator`.
        digital: names of layers that the chip leaves to digital logic: they meet no noise and no limit.

    Raises:
        ConfigurationError: the network has no analog layer, or none of a name in `digital`.

    Example:
        >>> model = HardwareAware(network, NoiseConfig(), torch_generator(0, "training"))
        >>> loss = cross_entropy(model(x), y); loss.backward(); optimiser.step(); model.clip_weights()
    """

    def __init__(
        self, network: nn.Module, noise: NoiseConfig, generator: torch.Generator, digital: Collection[str] = ()
    ) -> None:
        super().__init__()
        self.digital = frozenset(digital)
        unknown = self.digital - {name for name, _ in network.named_modules()}
        if unknown:
            raise ConfigurationError(f"{type(network).__name__} has no layer {min(unknown)!r}", "Name layers it has")
        self.network = network
        self.noise = noise
        self.generator = generator
        if not self._analog_layers():
            raise ConfigurationError(
                f"{type(network).__name__} has no analog layer", "Hardware-aware training needs a Linear, Conv or RNN"
            )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network; in training mode with this mini-batch's noise."""
        if not self.training:
            return self.network(*args, **kwargs)
        with self._disturbed_signals():
            return functional_call(self.network, self._noisy_weights(), args, kwargs)

    @torch.no_grad()
    def clip_weights(self) -> None:
        """Hold every analog weight within +- `noise.weight_limit`; call it after each optimiser step."""
        for _, weight in self._analog_weights():
            weight.clamp_(-self.noise.weight_limit, self.noise.weight_limit)

    def _analog_layers(self) -> list[tuple[str, nn.Module]]:
        return [
            (name, layer)
            for name, layer in self.network.named_modules()
            if is_analog(layer) and name not in self.digital
        ]

    def _analog_weights(self) -> Iterator[tuple[str, nn.Parameter]]:
        for prefix, layer in self._analog_layers():
            for name, parameter in layer.named_parameters(recurse=False):
                if parameter.dim() >= 2:
                    yield f"{prefix}.{name}" if prefix else name, parameter

    def _noisy_weights(self) -> dict[str, Tensor]:
        noise = self.noise
        if not noise.weight_sigma and not noise.weight_relative:
            return {}
        kind = (noise.weight_sigma, noise.weight_relative, noise.columns, self.generator)
        return {name: add_device_noise(weight, *kind) for name, weight in self._analog_weights()}

    @contextmanager
    def _disturbed_signals(self) -> Iterator[None]:
        with ExitStack() as hooks:
            for _, layer in self._analog_layers():
                if self.noise.input_levels:
                    handle = layer.register_forward_pre_hook(self._quantise_input)
                    hooks.callback(handle.remove)
                if self.noise.output_sigma:
                    hooks.callback(layer.register_forward_hook(self._disturb_output).remove)
            yield

    def _quantise_input(self, layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        vectors = 3 if isinstance(layer, nn.MultiheadAttention) else 1  # query, key and value
        return tuple(
            quantise_signed(value, self.noise.input_levels) if number < vectors else value
            for number, value in enumerate(args)
        )

    def _disturb_output(self, _layer: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
        first = output[0] if isinstance(output, tuple) else output
        noisy = add_relative_normal(first, self.noise.output_sigma, self.generator)
        return (noisy, *output[1:]) if isinstance(output, tuple) else noisy


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
        digital: names of layers that stay digital.

    Raises:
        ConfigurationError: the network has no analog layer.

    Example:
        >>> aware = pcmesh.training.hardware_aware(model)
        >>> loss = cross_entropy(aware(x), y); loss.backward(); optimiser.step(); aware.clip_weights()
        >>> chip_model = pcmesh.compile(model, x)
    """
    weight = next(model.parameters(), None)
    device = torch.device("cpu") if weight is None else weight.device
    generator = torch_generator(seed, "training", "noise", device=device)
    return HardwareAware(model, noise or NoiseConfig(input_levels=255), generator, digital)


def is_analog(layer: nn.Module) -> bool:
    """Return whether a layer's weights run on tiles; Conv1D of `transformers` (GPT-2's linear layers) is one."""
    transformers = sys.modules.get("transformers.pytorch_utils")  # loaded wherever a network has such a layer
    return isinstance(layer, ANALOG_LAYERS if transformers is None else (*ANALOG_LAYERS, transformers.Conv1D))


def quantise_signed(x: Tensor, levels: int) -> Tensor:
    """Round x (..., N) to integers within +-levels times one scale per vector (its largest magnitude / levels).

    Gradients pass unchanged (straight-through estimator).
    """
    scale = x.detach().abs().amax(-1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny) / levels
    rounded = torch.round(x.detach() / scale) * scale
    return x + (rounded - x.detach())
