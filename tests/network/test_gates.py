"""Gates of recurrent layers: PyTorch's in float64 is the oracle; an element's bits do not depend on where it stands."""

from __future__ import annotations

import pytest
import torch

from pcmesh.network.layers.gates import STEPS, Kind, State, recurrent_step

GATES: dict[Kind, int] = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def values(kind: Kind, hidden: int, scale: float = 3.0) -> tuple[torch.Tensor, torch.Tensor, State]:
    generator = torch.Generator().manual_seed(hidden)
    shape = (19, GATES[kind] * hidden)
    wx, wh = (torch.randn(shape, generator=generator) * scale for _ in range(2))
    return wx, wh, tuple(torch.randn(19, hidden, generator=generator) for _ in range(1 + (kind == "lstm")))


@pytest.mark.parametrize("kind", list(GATES))
@pytest.mark.parametrize("scale", [0.01, 3.0, 100.0])
def test_it_is_pytorch_within_a_millionth(kind: Kind, scale: float) -> None:
    wx, wh, state = values(kind, 21, scale)
    found = recurrent_step(kind, wx, wh, state)
    wanted = STEPS[kind](wx.double(), wh.double(), tuple(part.double() for part in state))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", list(GATES))
@pytest.mark.parametrize("hidden", [1, 13, 16, 20])
def test_bits_do_not_depend_on_the_batch(kind: Kind, hidden: int) -> None:
    wx, wh, state = values(kind, hidden)
    whole = recurrent_step(kind, wx, wh, state)
    for rows in (slice(0, 1), slice(3, 6), slice(18, 19)):
        part = recurrent_step(kind, wx[rows], wh[rows], tuple(s[rows] for s in state))
        assert all(torch.equal(a, b[rows]) for a, b in zip(part, whole, strict=True))
