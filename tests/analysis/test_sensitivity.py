"""Sensitivity by quantisation: the rounding, the curves, what is read off them, and going on after a stop."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pcmesh.analysis.scores import Scores
from pcmesh.analysis.sensitivity.advice import advise
from pcmesh.analysis.sensitivity.curves import Curve, Sensitivity, most_sensitive, sensitivity
from pcmesh.analysis.sensitivity.effective_bits import bits_of_programming, bits_of_weight_error, effective_bits
from pcmesh.analysis.sensitivity.quantisation import WeightPart, quantise, quantise_expanded
from pcmesh.analysis.sensitivity.thresholds import bits_of
from pcmesh.errors import InputError
from pcmesh.files.cache import ResultCache
from pcmesh.hardware import load_chip

BITS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)


@given(st.floats(0.5, 12), st.integers(0, 99))
def test_quantised_weights_lie_on_the_levels_and_near_their_originals(bits: float, seed: int) -> None:
    weight = torch.randn(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    largest, step = float(weight.abs().max()), 2 * float(weight.abs().max()) / 2**bits
    found = quantise(weight, bits)
    assert float(found.abs().max()) <= largest
    inside = found.abs() < largest
    assert torch.allclose(found[inside] / step, torch.round(found[inside] / step), atol=1e-9)
    assert float((found - weight).abs().max()) <= step / 2 + 1e-12
    assert len(torch.unique(found)) <= 2**bits + 2


def test_many_bits_change_nothing_and_zero_stays_zero() -> None:
    weight = torch.tensor([[0.0, 0.3, -1.0]], dtype=torch.float64)
    assert torch.allclose(quantise(weight, 30), weight, atol=1e-8)
    assert quantise(weight, 2)[0, 0] == 0
    assert torch.equal(quantise(torch.zeros(2, 2), 4), torch.zeros(2, 2))


def test_expansion_averages_the_rounding_error() -> None:
    """The error of the product falls with the rows; at eight times the rows by far more than chance could."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(64, 32, generator=generator)
    plain = (quantise(weight, 3.5) - weight).square().mean()
    expanded = quantise_expanded(weight, 3.5, torch.randn(256, 32, generator=generator))
    assert float((expanded - weight).square().mean()) < 0.7 * float(plain)


def test_threshold_is_read_between_points() -> None:
    assert bits_of((1, 2, 3), (0.5, 0.8, 1.0), 0.9) == pytest.approx(2.5)
    assert bits_of((1, 2, 3), (0.5, 0.8, 1.0), 0.4) == -math.inf
    assert bits_of((1, 2, 3), (0.5, 0.8, 0.9), 0.95) == math.inf
    assert bits_of((1, 2, 3, 4), (0.5, 0.9, 0.7, 1.0), 0.9) == pytest.approx(3.5)  # the dip and the peak become 0.8


class _Product(nn.Module):
    """Two layers: the first one's sign decides, the second one's size hardly matters."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.first = nn.Linear(16, 32, bias=False)
        self.second = nn.Linear(32, 4, bias=False)
        for layer in (self.first, self.second):
            layer.weight.data.normal_(generator=generator)
        self.first.weight.data[0, 0] = 30.0  # one large weight takes the levels from all others
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.second(torch.tanh(self.first(x)))
        return found


class Agreement:
    """Counts inputs on which a network decides as the original one."""

    def __init__(self, network: _Product) -> None:
        self.inputs = torch.randn(200, 16, generator=torch.Generator().manual_seed(2))
        self.wanted = network(self.inputs).argmax(1)
        self.calls = 0

    def __call__(self, network: _Product) -> Scores:
        self.calls += 1
        right = (network(self.inputs).argmax(1) == self.wanted).double()
        return Scores(tuple(right.tolist()), (1.0,) * len(right))


GROUPS = {"first": [WeightPart("first.weight")], "second": [WeightPart("second.weight")]}


def _found(tmp_path: Path | None = None, workers: int = 1) -> tuple[Sensitivity, Agreement]:
    network = _Product()
    agreement = Agreement(network)
    cache = ResultCache(tmp_path, "test")
    return sensitivity(network, GROUPS, agreement, BITS, cache=cache, workers=workers), agreement


def test_the_layer_with_an_outlier_needs_more_bits() -> None:
    found, _ = _found()
    assert found.baseline.accuracy == 1
    first, second = found.curves
    assert first.threshold > second.threshold + 0.5
    assert first.interval is not None
    assert first.interval[0] <= first.threshold <= first.interval[1]
    assert first.weights == 512


def test_the_network_is_left_as_it_was_and_curves_end_where_little_is_left() -> None:
    network = _Product()
    before = network.first.weight.clone()
    found = sensitivity(network, GROUPS, Agreement(network), (0.5, 1, 2, 8), enough=0.9)
    assert torch.equal(network.first.weight, before)
    assert found.curves[0].bits[0] > 0.5
    assert all(accuracy >= 0.9 for accuracy in found.curves[0].accuracies[1:])


def test_finished_points_are_not_computed_again_and_workers_agree(tmp_path: Path) -> None:
    first, agreement = _found(tmp_path)
    assert agreement.calls > len(BITS)
    again, idle = _found(tmp_path)
    assert idle.calls == 0
    assert again == first
    assert _found(workers=2)[0] == first


def test_a_mere_accuracy_gives_a_threshold_without_interval() -> None:
    network = _Product()
    agreement = Agreement(network)
    found = sensitivity(network, GROUPS, lambda model: agreement(model).accuracy, BITS)
    assert found.curves[0].threshold == pytest.approx(_found()[0].curves[0].threshold)
    assert found.curves[0].interval is None


def test_a_part_of_a_matrix_is_quantised_alone() -> None:
    network, seen = _Product(), []
    part = {"half": [WeightPart("first.weight", (0, 8))]}
    sensitivity(network, part, lambda model: float(seen.append(model.first.weight.clone()) or 1), (1.0,))
    assert torch.equal(seen[-1][:, 8:], network.first.weight[:, 8:])
    assert not torch.equal(seen[-1][:, :8], network.first.weight[:, :8])


@pytest.mark.parametrize(("groups", "bits"), [({"a": [WeightPart("nothing")]}, (3,)), (GROUPS, (0, 3)), (GROUPS, ())])
def test_what_cannot_be_quantised_is_refused(groups: dict[str, list[WeightPart]], bits: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        sensitivity(_Product(), groups, lambda _: 1.0, bits)


def _curve(group: str, weights: int, threshold: float) -> Curve:
    scores = tuple(Scores((accuracy,), (1.0,)) for accuracy in (0.5, 0.8, 1.0))
    return Curve(group, weights, (2, 4, 6), scores, threshold, ())


def test_effective_bits_are_read_off_the_curve() -> None:
    found = effective_bits(_curve("all", 1, 5), (0.8, 0.9))
    assert found.per_chip == (4, 5)
    assert found.mean == pytest.approx(4.5)
    assert found.interval is not None
    assert found.interval[0] < found.mean < found.interval[1]
    assert effective_bits(_curve("all", 1, 5), (0.8, 1.1)).interval is not None  # one chip lies beyond the curve
    assert effective_bits(_curve("all", 1, 5), (0.8,)).interval is None


def test_bits_of_weight_error_match_the_rounding() -> None:
    weight = torch.rand(1000, 1000, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 2 - 1
    assert bits_of_weight_error(float((quantise(weight, 4.1) - weight).std())) == pytest.approx(4.1, abs=0.05)


def test_advice_follows_the_papers_reasoning() -> None:
    layers = [
        _curve("joint", 10, 6.0),
        _curve("input", 4000, 5.0),
        _curve("next", 5000, 3.8),
        _curve("last", 5000, 2.0),
    ]
    found = advise(layers, {"input": 240}, 1024, 4.1)
    assert [(entry.layer, entry.choice) for entry in found] == [
        ("joint", "digital"),
        ("input", "AB, expand"),
        ("next", "AB"),
        ("last", "2-PCM"),
    ]


def test_the_order_of_layers_comes_with_its_stability() -> None:
    drawn = {"a": (5.0, 5.0, 2.0, 5.0), "b": (3.0, 3.0, 3.0, 3.0), "c": (1.0, 4.0, 1.0, 1.0)}
    layers = [Curve(name, 1, (2,), (), sum(values) / 4, values) for name, values in drawn.items()]
    assert most_sensitive(layers) == (["a", "b"], 0.5)
    assert most_sensitive([_curve("x", 1, 3.0), _curve("y", 1, 4.0)]) == (["y", "x"], None)


def test_an_ideal_chip_writes_many_bits_and_the_papers_about_four() -> None:
    weight = torch.randn(64, 32, generator=torch.Generator().manual_seed(4))
    assert bits_of_programming(load_chip("ideal"), weight) > 10
    assert 3 < bits_of_programming(load_chip(), weight) < 5
