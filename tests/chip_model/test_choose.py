"""Choosing encodings: the solver's answer is the best of all, budgets hold, pins are kept, reasons are given."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pcmesh
from pcmesh.chip_model.choose import Candidate, candidates, choose, measure, output_error
from pcmesh.errors import CapacityError

WAYS = ("2-PCM", "4-PCM", "AB")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(*[st.tuples(st.floats(0, 1), st.integers(1, 5))] * 3), min_size=1, max_size=4),
    st.integers(1, 16),
)
def test_no_choice_within_the_budget_loses_less(layers: list[tuple[tuple[float, int], ...]], budget: int) -> None:
    found = [
        Candidate(f"l{i}", way, loss, tiles, 1.0)
        for i, layer in enumerate(layers)
        for way, (loss, tiles) in zip(WAYS, layer, strict=True)
    ]
    by_layer = [[c for c in found if c.layer == f"l{i}"] for i in range(len(layers))]
    fitting = [pick for pick in product(*by_layer) if sum(c.tiles for c in pick) <= budget]
    if not fitting:
        with pytest.raises(CapacityError, match="the smallest takes"):
            choose(found, budget)
        return
    best = min(sum(c.loss for c in pick) for pick in fitting)
    chosen = choose(found, budget)
    assert chosen.tiles <= budget
    assert chosen.predicted_loss == pytest.approx(best, abs=1e-6)


def test_a_network_under_a_budget_of_tiles() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(600, 32), nn.ReLU(), nn.Linear(32, 8))
    x = torch.randn(300, 600)
    model = pcmesh.compile(network, x)
    found = candidates(model, [(x,)], digital=True)
    assert len(found) == 8
    wide, narrow = choose(found, 3), choose(found, 2)
    assert (wide.tiles, narrow.tiles) == (3, 2)
    assert narrow.layers["0"] == "2-PCM"
    assert wide.predicted_loss <= narrow.predicted_loss
    assert choose(found, 3, pins={"2": "4-PCM"}).why["2"] == "pinned"
    assert choose(found, 9, digital_layers=1).layers["0"] == "digital"
    lost = output_error(measure(model, wide)(x), model.software(x))
    assert lost == pytest.approx(wide.predicted_loss, rel=0.5)
    assert all(wide.why.values())
