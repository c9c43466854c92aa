from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pcmesh.errors import ConfigurationError
from pcmesh.training import HardwareAware, NoiseConfig
from pcmesh.training.noise import device_noise

QUIET = NoiseConfig(weight_sigma=0, output_sigma=0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network() -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 5, bias=False))
    with torch.no_grad():
        for number, parameter in enumerate(layers.parameters()):
            parameter.uniform_(-0.3, 0.3, generator=generator(number))
    return layers


def inputs(count: int = 8) -> torch.Tensor:
    return torch.randn(count, 30, generator=generator(99))


def test_without_noise_it_is_the_network() -> None:
    model = HardwareAware(network(), QUIET, generator())
    assert torch.equal(model(inputs()), network()(inputs()))


def test_evaluation_is_the_network_itself() -> None:
    model = HardwareAware(network(), NoiseConfig(), generator()).eval()
    assert torch.equal(model(inputs()), network()(inputs()))


def test_weights_and_hooks_stay_as_they_were() -> None:
    layers = network()
    before = [parameter.clone() for parameter in layers.parameters()]
    model = HardwareAware(layers, NoiseConfig(input_levels=255), generator())
    model(inputs()).sum().backward()
    assert all(torch.equal(old, new) for old, new in zip(before, layers.parameters(), strict=True))
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in layers.modules())
    assert torch.equal(layers(inputs()), network()(inputs()))


def test_hooks_are_removed_after_an_error() -> None:
    layers = network()
    with pytest.raises(RuntimeError):
        HardwareAware(layers, NoiseConfig(), generator())(torch.zeros(2, 7))
    assert all(not module._forward_hooks for module in layers.modules())


def test_device_noise_has_a_part_of_the_columns_largest_and_a_part_of_the_weight() -> None:
    sizes = torch.logspace(-2, 0, 4)[:, None]
    weight = sizes * torch.tensor([1.0, 0.5, 0.0]).repeat_interleave(40_000)
    draws = torch.randn(weight.shape, generator=generator())
    found = (device_noise(weight, draws, 0.03, 0.1, 1) - weight).view(4, 3, -1).std(-1)
    assert torch.allclose(found, sizes * torch.tensor([0.13, 0.08, 0.03]), rtol=0.02)


def test_weight_noise_has_its_sigma() -> None:
    layer = nn.Linear(400, 500, bias=False)
    with torch.no_grad():
        layer.weight.uniform_(-0.5, 0.5, generator=generator(1))
        layer.weight[3, 7] = 0.8
    model = HardwareAware(layer, NoiseConfig(weight_sigma=0.02, output_sigma=0), generator())
    noise = (model(torch.eye(400)).T - layer.weight).detach()
    # 200,000 draws: the sample's sigma is known to 0.16 %; five sigma is 0.8 %
    assert float(noise.std()) == pytest.approx(0.02 * 0.8, rel=0.008)
    assert abs(float(noise.mean())) < 5 * 0.016 / 200_000**0.5


def test_output_noise_has_its_sigma() -> None:
    layer = nn.Linear(50, 500, bias=False)
    x = torch.randn(400, 50, generator=generator(2))
    clean = layer(x).detach()
    noise = HardwareAware(layer, NoiseConfig(weight_sigma=0, output_sigma=0.04), generator())(x).detach() - clean
    assert float(noise.std()) == pytest.approx(0.04 * float(clean.abs().max()), rel=0.008)


def test_each_mini_batch_has_its_own_noise_and_the_generator_repeats_it() -> None:
    first = HardwareAware(network(), NoiseConfig(), generator(4))
    second = HardwareAware(network(), NoiseConfig(), generator(4))
    a, b = first(inputs()), first(inputs())
    assert not torch.equal(a, b)
    assert torch.equal(a, second(inputs()))


def test_the_global_generator_is_left_alone() -> None:
    model, x = HardwareAware(network(), NoiseConfig(), generator()), inputs()
    before = torch.get_rng_state()
    model(x)
    assert torch.equal(torch.get_rng_state(), before)


def test_gradients_reach_the_weights_as_if_the_noise_were_a_constant() -> None:
    layer = nn.Linear(30, 4, bias=False)
    model = HardwareAware(layer, NoiseConfig(output_sigma=0), generator())
    model(inputs()).sum().backward()
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad, inputs().sum(0).expand(4, 30))


def test_biases_get_no_noise() -> None:
    layer = nn.Linear(30, 4)
    model = HardwareAware(layer, NoiseConfig(output_sigma=0), generator())
    assert torch.equal(model(torch.zeros(1, 30))[0], layer.bias)


def test_clipping_holds_weights_and_not_biases() -> None:
    layers = network()
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.mul_(100)
    model = HardwareAware(layers, NoiseConfig(weight_limit=0.9), generator())
    model.clip_weights()
    assert float(layers[0].weight.detach().abs().max()) == pytest.approx(0.9)
    assert float(layers[0].bias.detach().abs().max()) > 0.9


def test_recurrent_layers_and_tuples() -> None:
    lstm = nn.LSTM(6, 7, batch_first=True)
    model = HardwareAware(lstm, NoiseConfig(), generator())
    x = torch.randn(2, 5, 6, generator=generator(1))
    outputs, (hidden, _) = model(x)
    assert outputs.shape == (2, 5, 7)
    assert hidden.shape == (1, 2, 7)
    assert not torch.equal(outputs, lstm(x)[0])


def test_linear_layers_of_gpt2_meet_noise() -> None:
    layers = pytest.importorskip("transformers.pytorch_utils")
    model = HardwareAware(nn.Sequential(layers.Conv1D(6, 30)), NoiseConfig(output_sigma=0), generator())
    assert not torch.equal(model(inputs()), model.network(inputs()))
    with torch.no_grad():
        model.network[0].weight.fill_(3.0)
    model.clip_weights()
    assert float(model.network[0].weight.detach().max()) == 1.0


def test_autocast() -> None:
    model = HardwareAware(network(), NoiseConfig(input_levels=255), generator())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(inputs()).float().square().mean()
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.dtype == torch.float32 for parameter in model.parameters())


def test_distributed_data_parallel(tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'rendezvous'}", rank=0, world_size=1)
    try:
        model = nn.parallel.DistributedDataParallel(HardwareAware(network(), NoiseConfig(), generator(4)))
        model(inputs()).sum().backward()
        alone = HardwareAware(network(), NoiseConfig(), generator(4))
        alone(inputs()).sum().backward()
        pairs = zip(model.parameters(), alone.parameters(), strict=True)
        assert all(a.grad is not None and b.grad is not None and torch.equal(a.grad, b.grad) for a, b in pairs)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("fields", [{"weight_sigma": -0.1}, {"output_sigma": -1}, {"weight_limit": 0}])
def test_impossible_noise_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        NoiseConfig(**fields)  # type: ignore[arg-type]


def test_a_network_without_analog_layers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no analog layer"):
        HardwareAware(nn.ReLU(), NoiseConfig(), generator())


def test_digital_layers_meet_no_noise_and_no_limit() -> None:
    layers = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    for layer in layers:
        layer.weight.data.fill_(2.0)
    alone = HardwareAware(layers, NoiseConfig(output_sigma=0), generator(), digital=("0",))
    x = torch.ones(1, 4)
    seen: list[Tensor] = []
    layers[0].register_forward_hook(lambda _layer, _args, output: seen.append(output))
    assert not torch.equal(alone(x), layers(x))
    assert torch.equal(seen[0], seen[1])
    alone.clip_weights()
    assert layers[0].weight.detach().max() == 2.0
    assert layers[1].weight.detach().max() == 1.0


def test_a_digital_layer_that_is_none_is_named() -> None:
    with pytest.raises(ConfigurationError, match="has no layer 'head'"):
        HardwareAware(network(), NoiseConfig(), generator(), digital=("head",))
