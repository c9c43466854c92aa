"""Balanced matrices: the same product, weights that fill the conductances."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcmesh.mapping.balance import balance


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 20), columns=st.integers(1, 20), seed=st.integers(0, 99), dead=st.booleans())
def test_the_product_stays_the_same(rows: int, columns: int, seed: int, dead: bool):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator) * torch.logspace(-2, 2, columns)
    x = torch.randn(8, rows, generator=generator) * torch.logspace(-2, 2, rows)
    if dead:
        weight[0], x[:, -1] = 0, 0
    factors = balance(weight, x.abs().amax(0))
    got = factors.outputs(factors.inputs(x) @ factors.weight(weight))
    torch.testing.assert_close(got, x @ weight, rtol=1e-3, atol=1e-3 * float((x @ weight).abs().max()))
    assert torch.isfinite(factors.rows).all()
    assert torch.isfinite(factors.columns).all()


def test_small_columns_fill_the_conductances():
    weight = torch.tensor([[1.0, 0.1], [-1.0, 0.05]])
    factors = balance(weight, torch.ones(2))
    torch.testing.assert_close(factors.weight(weight).abs().amax(0), torch.ones(2))
