"""Choosing mappings: the solver's answer is the best of all, limits hold, pins are kept, reasons are given."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pcmesh
from pcmesh.analysis.mapping_choice.candidates import (
    NOT_MEASURED,
    Candidate,
    candidates,
    ways_with_more_rows,
)
from pcmesh.analysis.mapping_choice.choose import QUANTITIES, Quantity, apply, choose, value_of
from pcmesh.analysis.mapping_choice.losses import decision_error, output_error
from pcmesh.errors import CapacityError, ConfigurationError

WAYS = ("2-PCM", "4-PCM", "AB")
Layers = list[tuple[tuple[float, int, int], ...]]
LAYERS = st.lists(
    st.tuples(*[st.tuples(st.floats(0, 1), st.integers(1, 5), st.integers(1, 5))] * 3), min_size=1, max_size=4
)


def _candidates(layers: Layers) -> list[Candidate]:
    return [
        Candidate(f"l{i}", way, loss, tiles, float(energy), energy * 1e-9)
        for i, layer in enumerate(layers)
        for way, (loss, tiles, energy) in zip(WAYS, layer, strict=True)
    ]


@settings(max_examples=40, deadline=None)
@given(LAYERS, st.integers(1, 16), st.integers(1, 20), st.sampled_from(QUANTITIES))
def test_no_choice_within_the_limits_is_better(layers: Layers, tiles: int, energy: int, least: Quantity) -> None:
    found = _candidates(layers)
    by_layer = [[c for c in found if c.layer == f"l{i}"] for i in range(len(layers))]
    fitting = [
        pick
        for pick in product(*by_layer)
        if sum(c.tiles for c in pick) <= tiles and sum(c.steps for c in pick) <= energy
    ]
    if not fitting:
        with pytest.raises(CapacityError, match="the smallest takes"):
            choose(found, tiles, energy_j=energy * 1e-9, least=least)
        return
    best = min(sum(value_of(c, least) for c in pick) for pick in fitting)
    chosen = choose(found, tiles, energy_j=energy * 1e-9, least=least)
    assert chosen.tiles <= tiles
    assert chosen.total("steps") <= energy
    assert chosen.total(least) == pytest.approx(best, abs=1e-6)
    assert all(chosen.why.values())


@pytest.mark.parametrize("loss", [NOT_MEASURED, float("inf")])
def test_a_loss_that_was_not_measured_is_no_loss(loss: float) -> None:
    found = [*_candidates([((0.1, 1, 2), (0.02, 2, 3), (0.01, 4, 4))]), Candidate("head", "AB", loss, 1, 1.0)]
    with pytest.raises(ConfigurationError, match=rf"head in AB: loss = {loss}; what was not measured"):
        choose(found)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"chips": 2}, "chips = 2 with tiles_per_chip = None"),
        ({"tiles_per_chip": 34}, "chips = None with tiles_per_chip = 34"),
        ({"chips": 0, "tiles_per_chip": 34}, "chips = 0"),
        ({"chips": 2, "tiles_per_chip": 0}, "tiles_per_chip = 0"),
    ],
)
def test_limits_of_whole_chips_come_in_pairs(limits: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        choose(_candidates([((0.1, 1, 2), (0.02, 2, 3), (0.01, 4, 4))]), **limits)


def test_outputs_without_numbers_have_no_error() -> None:
    for loss in (output_error, decision_error):
        with pytest.raises(ConfigurationError, match="no floating-point numbers"):
            loss(torch.tensor([1, 2]), torch.tensor([1, 2]))


def test_fewest_tiles_with_at_most_a_loss() -> None:
    found = _candidates([((0.1, 1, 2), (0.02, 2, 3), (0.01, 4, 4)), ((0.5, 1, 2), (0.05, 3, 3), (0.04, 5, 4))])
    chosen = choose(found, loss=0.08, least="tiles")
    assert chosen.layers == {"l0": "4-PCM", "l1": "4-PCM"}
    assert chosen.why["l0"] == "2-PCM would take 1 tile less, but lose 0.08 more: 0.01 left"
    assert choose(found, least="energy_j").layers == {"l0": "2-PCM", "l1": "2-PCM"}
    with pytest.raises(CapacityError, match=r"keeps a loss of 0\.01 \(the smallest takes 0\.05\)"):
        choose(found, loss=0.01, least="tiles")
    with pytest.raises(ConfigurationError, match="l9"):
        choose(found, pins={"l9": "AB"})
    with pytest.raises(ConfigurationError, match="was not measured"):
        choose(found, pins={"l0": "AB,copies=2"})


def test_a_network_under_a_budget_of_tiles() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(600, 32), nn.ReLU(), nn.Linear(32, 8))
    x = torch.randn(300, 600)
    model = pcmesh.compile(network, x)
    found = candidates(model, [x], digital=True, more_rows=False)
    assert len(found) == 8
    wide, narrow = choose(found, 3), choose(found, 2)
    assert (wide.tiles, narrow.tiles) == (3, 2)
    assert narrow.layers["0"] == "2-PCM"
    assert wide.predicted_loss <= narrow.predicted_loss
    assert choose(found, 3, pins={"2": "4-PCM"}).why["2"] == "pinned"
    assert choose(found, 9, digital_layers=1).layers["0"] == "digital"
    lost = output_error(apply(model, wide)(x), model.software(x))
    assert lost == pytest.approx(wide.predicted_loss, rel=0.5)
    partly = apply(model, choose(found, 9, pins={"0": "digital"}, digital_layers=1))
    assert [product.name for product in partly.program.products] == ["2"]
    with pytest.raises(ConfigurationError, match="stay in software"):
        partly.save("anywhere")


def test_more_rows_lose_less_where_they_cost_no_tile() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(128, 64))
    x = torch.randn(400, 128)
    model = pcmesh.compile(network, x, encoding="4-PCM")
    found = candidates(model, [x], ("4-PCM",), chips=2)  # type: ignore[arg-type]
    losses = {c.way: c.loss for c in found}
    assert list(losses) == ["4-PCM", "4-PCM,copies=2", "4-PCM,copies=4", "4-PCM,expand=512", "4-PCM,expand=1024"]
    assert losses["4-PCM,copies=4"] < losses["4-PCM"]
    chosen = choose(found, 1)
    assert chosen.layers["0"] in ("4-PCM,copies=2", "4-PCM,copies=4", "4-PCM,expand=512")
    assert ways_with_more_rows(512, 512) == ()


def test_decisions_lose_nothing_where_all_logits_move_alike() -> None:
    wanted = torch.randn(10, 5)
    assert decision_error(wanted + 3, wanted) == pytest.approx(0, abs=1e-6)
    assert decision_error(wanted * 2, wanted) > 0
