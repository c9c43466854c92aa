"""Training meets the noise where the compiler puts products on tiles, whatever way a network's code goes to them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint

import pcmesh
from pcmesh.errors import ConfigurationError, UnsupportedModelError
from pcmesh.network.capture import capture
from pcmesh.network.examples import Examples
from pcmesh.network.operations.functions import PRODUCTS
from pcmesh.network.operations.table import OPERATIONS
from pcmesh.network.products import tied_names
from pcmesh.training import HardwareAware, NoiseConfig, hardware_aware
from tests.zoo.networks import ZOO

WEIGHTS = NoiseConfig(weight_sigma=0.1, output_sigma=0)
INPUTS = NoiseConfig(weight_sigma=0, output_sigma=0, input_levels=3)
OUTPUTS = NoiseConfig(weight_sigma=0, output_sigma=0.1)


class Code(nn.Module):
    """A network of one weight (8, 16) used by a function."""

    def __init__(self, use: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(8, 16, generator=torch.Generator().manual_seed(1)))
        self.use = use

    def forward(self, x: Tensor) -> Tensor:
        return self.use(x, self.w)


FUNCTIONAL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linear": F.linear,
    "named": lambda x, w: F.linear(input=x, weight=w),
    "matmul": lambda x, w: torch.matmul(x, w.t()),
    "operator": lambda x, w: x @ w.T,
    "left": lambda x, w: (w @ x.t()).t(),
    "einsum": lambda x, w: torch.einsum("bi,oi->bo", x, w),
    "einsum without output": lambda x, w: torch.einsum("bi,oi", x, w),
    "einsum in a list": lambda x, w: torch.einsum("...i,oi->...o", [x, w]),
    "einsum by numbers": lambda x, w: torch.einsum(x, [0, 1], w, [2, 1], [0, 2]),
    "bilinear": lambda x, w: F.bilinear(x[:, :4], x[:, 4:8], w.view(8, 4, 4)),
    "repeated for each sample": lambda x, w: torch.bmm(w.expand(len(x), 8, 16), x[:, :, None])[:, :, 0],
    "added in batches": lambda x, w: torch.baddbmm(torch.zeros(1, 64, 8), x[None], w.t()[None])[0],
    "tensordot": lambda x, w: torch.tensordot(x, w, dims=([1], [1])),
    "addmm": lambda x, w: torch.addmm(torch.zeros(8), x, w.t()),
    "inner": torch.inner,
    "batched": lambda x, w: torch.bmm(x[None], w.t()[None])[0],
    "product of three": lambda x, w: torch.linalg.multi_dot([x, w.t(), w[:, :8]]),
    "vector": lambda x, w: (x @ w.flatten()[:16])[:, None].expand(-1, 8),
    "convolution": lambda x, w: F.conv1d(x[:, :, None], w[:, :, None])[:, :, 0],
    "a part": lambda x, w: F.linear(x[:, :4], w[:, :4]),
    "scaled": lambda x, w: F.linear(x, w * 0.1),
    "masked": lambda x, w: F.linear(x, w * torch.tril(torch.ones(8, 16))),
    "standardised": lambda x, w: F.linear(x, (w - w.mean(1, keepdim=True)) / w.std(1, keepdim=True)),
    "normalised": lambda x, w: F.linear(x, F.normalize(w)),
}


def passes(network: nn.Module, x: Tensor, noise: NoiseConfig = WEIGHTS, **options: Any) -> tuple[Tensor, Tensor]:
    aware = hardware_aware(network, noise, **options).train()
    return aware(x), aware(x)


def relative(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).detach().std() / wanted.detach().std())


@pytest.fixture
def x() -> Tensor:
    return torch.randn(64, 16, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_weights_in_functions_meet_all_three_disturbances(name: str, x: Tensor) -> None:
    network = Code(FUNCTIONAL[name])
    clean = network(x)
    one, two = passes(network, x)
    assert 0.1 < relative(one, clean) < 0.7
    assert relative(one, two) > 0.1
    one.square().sum().backward()
    assert network.w.grad is not None
    assert float(network.w.grad.abs().max()) > 0
    assert relative(passes(network, x, INPUTS)[0], clean) > 0.1
    assert 0.05 < relative(passes(network, x, OUTPUTS)[0], clean) < 0.6


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functions_that_are_disturbed_are_those_on_tiles(name: str, x: Tensor) -> None:
    network = Code(FUNCTIONAL[name])
    products = capture(network, Examples.of(x, 0), (512, 512)).products
    aware = hardware_aware(network).train()
    aware(x)
    assert set(aware.met_weights()) == {product.parameters for product in products} == {("w",)}


def test_a_weight_repeated_for_each_sample_has_one_noise(x: Tensor) -> None:
    same = x[:1].expand(64, 16)
    out = passes(Code(FUNCTIONAL["repeated for each sample"]), same)[0]
    torch.testing.assert_close(out, out[:1].expand_as(out))


def test_what_the_compiler_leaves_digital_meets_no_noise(x: Tensor) -> None:
    class Digital(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.w = nn.Linear(16, 2), nn.Parameter(torch.randn(4, 4, 1))

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            scaled = torch.einsum("bi,i->bi", x, self.head.weight[0])
            convolved = F.conv1d(x.view(-1, 4, 4), self.w, bias=x.mean(0)[:4])
            return scaled, convolved, F.linear(x, torch.eye(16)), x @ x.t(), self.head(x)

    network = Digital()
    got = hardware_aware(network, WEIGHTS).train()(x)
    for mine, wanted in zip(got[:-1], network(x)[:-1], strict=True):
        assert torch.equal(mine, wanted)
    assert relative(got[-1], network(x)[-1]) > 0.05


@pytest.mark.parametrize("name", ["matmul", "left", "einsum", "tensordot", "convolution"])
def test_columns_are_a_products_outputs(name: str, x: Tensor) -> None:
    network = Code(FUNCTIONAL[name])
    with torch.no_grad():
        network.w[0] = 0.0
    noise = NoiseConfig(weight_sigma=0.1, columns=True, output_sigma=0)
    out = passes(network, x, noise)[0]
    assert float(out[:, 0].detach().abs().max()) == 0.0  # a column of zeros has no error of its own
    assert relative(out[:, 1:], network(x)[:, 1:]) > 0.1


def test_every_kind_of_product_is_known_by_the_functions_that_compute_it() -> None:
    assert {name for name, record in OPERATIONS.items() if record.analog} - {"embedding"} <= set(PRODUCTS)


@pytest.mark.parametrize(
    "name",
    [
        "tcn",
        "conformer",
        "unet",
        "cells",
        "mixer",
        "transformer_decoder",
        "lstm_tagger",
        "recommender",
        "albert",
        "gpt2",
    ],
)
def test_training_disturbs_what_the_compiler_puts_on_tiles(name: str) -> None:
    if name in ("albert", "gpt2"):
        pytest.importorskip("transformers")
    torch.manual_seed(0)
    network, inputs = ZOO[name]()
    network.eval()
    products = capture(network, Examples.of(inputs, 0), (512, 512)).products
    aware = hardware_aware(network)
    aware.training = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if isinstance(inputs, dict):
            aware(**inputs)
        else:
            aware(*inputs if isinstance(inputs, tuple) else (inputs,))
    tied = tied_names(network)
    met = {n for weight in aware.met_weights() for source in weight for n in tied.get(source, (source,))}
    assert met == {name for product in products for name in product.parameters}


PARAMETRISED: dict[str, Callable[[], nn.Module]] = {
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(16, 32)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(16, 32)),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(16, 16)),
    "older spectral norm": lambda: nn.utils.spectral_norm(nn.Linear(16, 32)),
    "pruned": lambda: prune.l1_unstructured(nn.Linear(16, 32), "weight", 0.3),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", [*PARAMETRISED, "older weight norm"])
def test_parametrised_weights_meet_the_noise_of_plain_ones(name: str, x: Tensor) -> None:
    torch.manual_seed(0)
    older = lambda: nn.utils.weight_norm(nn.Linear(16, 32))  # noqa: E731 - it warns where it is called
    layer = PARAMETRISED.get(name, older)()
    plain = nn.Linear(16, layer.out_features)
    with torch.no_grad():
        layer(x)
        plain.weight.copy_(layer.weight)
        plain.bias.copy_(layer.bias)
    got, wanted = (relative(*passes(nn.Sequential(each), x)) for each in (layer, plain))
    assert got == pytest.approx(wanted, rel=0.4)
    passes(nn.Sequential(layer), x)[0].square().sum().backward()
    trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]
    assert all(parameter.grad is not None and torch.isfinite(parameter.grad).all() for parameter in trained)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_clipping_holds_parametrised_weights_themselves(x: Tensor) -> None:
    layers = [
        parametrizations.weight_norm(nn.Linear(16, 4)),
        nn.utils.weight_norm(nn.Linear(16, 4)),
        nn.utils.weight_norm(nn.Linear(16, 4), dim=None),
    ]
    for layer in layers:
        aware = hardware_aware(nn.Sequential(layer)).train()
        optimiser = torch.optim.SGD(layer.parameters(), 0.1)
        (aware(x) * 100).sum().backward()
        optimiser.step()
        with torch.no_grad():
            layer(x)
        assert float(layer.weight.detach().abs().max()) > 1.0
        before = layer.weight.detach().clone()
        aware.clip_weights()
        with torch.no_grad():
            layer(x)
        torch.testing.assert_close(layer.weight.detach(), before.clamp(-1, 1), atol=1e-5, rtol=1e-5)


def test_a_weight_that_cannot_be_clipped_is_named_once(x: Tensor) -> None:
    network = Code(FUNCTIONAL["scaled"])
    with torch.no_grad():
        network.w.mul_(100)
    aware = hardware_aware(network).train()
    aware(x)
    with pytest.warns(UserWarning, match=r"computed from w reaches .* beyond the limit 1"):
        aware.clip_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aware.clip_weights()
    sphere = nn.Sequential(parametrizations.orthogonal(nn.Linear(16, 16)))
    with pytest.warns(UserWarning, match=r"0\.weight reaches .* beyond the limit 0\.01: its parametrisation"):
        hardware_aware(sphere, NoiseConfig(weight_limit=0.01)).clip_weights()


def test_clipping_holds_functional_weights_after_a_pass(x: Tensor) -> None:
    network = Code(F.linear)
    aware = hardware_aware(network, digital=())
    aware(x)
    aware.clip_weights()
    assert float(network.w.detach().abs().max()) == 1.0


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.a(x), self.b(x), x @ self.a.weight.t(), F.linear(x, self.b.weight.detach())


def test_a_tied_weight_has_one_noise_a_pass_and_another_in_the_next(x: Tensor) -> None:
    aware = HardwareAware(Tied(), WEIGHTS, torch.Generator().manual_seed(0)).train()
    first, second = aware(x), aware(x)
    for other in first[1:]:
        torch.testing.assert_close(first[0], other)
    assert relative(first[0], second[0]) > 0.1
    assert not first[3].requires_grad


def test_a_layer_used_twice_has_one_noise_also_where_its_weight_is_computed(x: Tensor) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = parametrizations.weight_norm(nn.Linear(16, 8))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.layer(x), self.layer(x)

    one, two = hardware_aware(Twice(), WEIGHTS).train()(x)
    assert torch.equal(one, two)


class TiedTable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(20, 16), nn.Linear(16, 20, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        vectors = self.table(tokens)
        return vectors, self.head(vectors)


def test_a_look_up_is_digital_though_its_table_is_a_layers_weight_too() -> None:
    network, tokens = TiedTable(), torch.arange(20)
    vectors, scores = hardware_aware(network, WEIGHTS).train()(tokens)
    assert torch.equal(vectors, network.table.weight)
    assert relative(scores, network(tokens)[1]) > 0.05


def test_digital_names_modules_and_parameters(x: Tensor) -> None:
    network = nn.Sequential(nn.MultiheadAttention(16, 2, batch_first=True))

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.w = network[0], nn.Parameter(torch.ones(16, 16))

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.attention(x, key=x, value=x)[0] @ self.w
            return out

    def met(*digital: str) -> set[tuple[str, ...]]:
        aware = hardware_aware(Attention(), WEIGHTS, digital=digital).train()
        aware(x.view(4, 16, 16))
        return set(aware.met_weights())

    assert met() == {("attention.in_proj_weight",), ("attention.out_proj.weight",), ("w",)}
    assert met("attention") == {("w",)}
    assert met("w", "attention.out_proj") == {("attention.in_proj_weight",)}
    with pytest.raises(ConfigurationError, match="no analog layer"):
        met("attention", "w")


def test_a_tied_weight_is_digital_where_the_module_that_runs_is(x: Tensor) -> None:
    network = Tied()
    a, b, _, _ = hardware_aware(network, WEIGHTS, digital=("a",)).train()(x)
    assert torch.equal(a, network(x)[0])
    assert relative(b, a) > 0.1


def test_attention_is_disturbed_in_all_its_products(x: Tensor) -> None:
    layer = nn.MultiheadAttention(16, 2, kdim=16, vdim=16, batch_first=True, add_bias_kv=True)
    aware = hardware_aware(layer, WEIGHTS).train()
    x = x.view(4, 16, 16)
    aware(query=x, key=x + 1, value=x * 2)
    assert {source for weight in aware.met_weights() for source in weight} == {"in_proj_weight", "out_proj.weight"}


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_packed_and_by_keyword(kind: type[nn.RNNBase], x: Tensor) -> None:
    layer = kind(16, 8, 2, batch_first=True)
    sequences = x.view(8, 8, 16)
    packed = nn.utils.rnn.pack_padded_sequence(sequences, [8, 8, 7, 6, 5, 4, 3, 2], batch_first=True)
    aware = hardware_aware(layer, WEIGHTS).train()
    assert not torch.equal(aware(packed)[0].data, layer(packed)[0].data)
    one, two = aware(input=sequences)[0], aware(input=sequences)[0]
    assert relative(one, two) > 0.05
    one.sum().backward()
    assert layer.weight_hh_l1.grad is not None
    rounded = hardware_aware(layer, INPUTS).train()
    assert torch.equal(rounded(sequences)[0], rounded(input=sequences)[0])
    assert not torch.equal(rounded(sequences)[0], layer(sequences)[0])


def test_what_hides_its_products_is_named(x: Tensor) -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.other = nn.Linear(16, 4), nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.used(x)
            return out

    with pytest.warns(UserWarning, match="^other: the first pass met no product"):
        hardware_aware(Unused()).train()(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(nn.Linear(16, 4))
    with pytest.raises(UnsupportedModelError, match="module 1: TorchScript hides"):
        hardware_aware(nn.Sequential(nn.Linear(16, 16), scripted))
    with pytest.raises(UnsupportedModelError, match=r"module 0: torch\.compile hides"):
        hardware_aware(nn.Sequential(torch.compile(nn.Linear(16, 4))))
    with pytest.raises(ConfigurationError, match="no analog layer"):
        hardware_aware(nn.Embedding(4, 4)).train()(torch.zeros(2, dtype=torch.long))


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_is_refused(reentrant: bool, x: Tensor) -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Any:
            return checkpoint(self.layer, x, use_reentrant=reentrant)

    with pytest.raises(ConfigurationError, match=r"layer\.weight: gradient checkpointing"):
        hardware_aware(Checkpointed()).train()(x.requires_grad_())


def test_a_buffer_that_the_network_writes_is_a_state_and_no_weight(x: Tensor) -> None:
    class Memory(nn.Module):
        state: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(16, 16)
            self.register_buffer("state", torch.zeros(16, 16))

        def forward(self, x: Tensor) -> Tensor:
            self.state.copy_(self.layer(x)[:16].detach())
            return x @ self.state

    aware = hardware_aware(Memory(), WEIGHTS).train()
    aware(x)
    assert aware.met_weights() == (("layer.weight",),)


def test_an_empty_batch_passes(x: Tensor) -> None:
    aware = hardware_aware(nn.Sequential(nn.Linear(16, 4))).train()
    assert aware(x[:0]).shape == (0, 4)


def test_a_network_trained_so_compiles(x: Tensor) -> None:
    network = Code(F.linear)
    aware = hardware_aware(network).train()
    aware(x).sum().backward()
    products = pcmesh.compile(network.eval(), x, chip="ideal").program.products
    assert [product.name for product in products] == ["w"]
    assert aware.met_weights() == (("w",),)
