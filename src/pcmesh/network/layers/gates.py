"""Gates and states of recurrent layers: one compiled pass on a CPU, PyTorch's operations elsewhere and when traced.

The compiled pass does the same arithmetic for every element, wherever it stands: PyTorch's sigmoid rounds the last
elements of a tensor otherwise than the first, so that a sample's last bit would depend on the size of its batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numba
import numpy as np
import torch
from torch import Tensor

Kind = Literal["lstm", "gru", "rnn_tanh", "rnn_relu"]
State = tuple[Tensor, ...]
Step = Callable[[Tensor, Tensor, State], State]


def lstm_step(wx: Tensor, wh: Tensor, state: State) -> State:
    """Return (h, c) of an LSTM from the gates' products, each (B, 4 · hidden), in the order i, f, g, o."""
    i, f, g, o = (wx + wh).chunk(4, dim=-1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_step(wx: Tensor, wh: Tensor, state: State) -> State:
    """Return (h,) of a GRU from the gates' products, each (B, 3 · hidden), in the order r, z, n."""
    rx, zx, nx = wx.chunk(3, dim=-1)
    rh, zh, nh = wh.chunk(3, dim=-1)
    z = torch.sigmoid(zx + zh)
    return ((1 - z) * torch.tanh(nx + torch.sigmoid(rx + rh) * nh) + z * state[0],)


STEPS: dict[Kind, Step] = {
    "lstm": lstm_step,
    "gru": gru_step,
    "rnn_tanh": lambda wx, wh, _: (torch.tanh(wx + wh),),
    "rnn_relu": lambda wx, wh, _: (torch.relu(wx + wh),),
}


def recurrent_step(kind: Kind, wx: Tensor, wh: Tensor, state: State) -> State:
    """Return the state after a step, from the products of input and state (B, gates · hidden).

    Where one product gave both, the state's share is the biases, (1, gates · hidden).
    """
    compiled = _COMPILED.get(kind)
    tensors = (wx, wh, *state)
    if compiled is None or not all(_plain(tensor) for tensor in tensors):
        return STEPS[kind](wx, wh, state)
    return tuple(map(torch.from_numpy, compiled(*(tensor.detach().contiguous().numpy() for tensor in tensors))))


def _plain(tensor: Tensor) -> bool:
    """Return whether a tensor is one of numbers in this machine's memory, not one that stands for them."""
    return type(tensor) is Tensor and tensor.dtype == torch.float32 and tensor.is_cpu and tensor.dim() == 2


_LOG2E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_C5, _C4, _C3 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_C2, _C1, _C0 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_END, _ONE, _TWO = np.float32(87.0), np.float32(1.0), np.float32(2.0)


@numba.njit(error_model="numpy", inline="always")
def _exp(x):  # type: ignore[no-untyped-def]
    """Return e^x to 1e-7 of it within +-87 (the polynomial is that of the Cephes library, expf)."""
    x = min(max(x, -_END), _END)
    n = np.floor(x * _LOG2E + np.float32(0.5))
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_C5 * r + _C4) * r + _C3) * r + _C2) * r + _C1) * r + _C0
    return (p * (r * r) + r + _ONE) * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@numba.njit(error_model="numpy", inline="always")
def _sigmoid(x):  # type: ignore[no-untyped-def]
    return _ONE / (_ONE + _exp(-x))


@numba.njit(error_model="numpy", inline="always")
def _tanh(x):  # type: ignore[no-untyped-def]
    return _ONE - _TWO / (_exp(_TWO * x) + _ONE)


@numba.njit(error_model="numpy", cache=True)
def _lstm(wx, wh, _h, c):  # type: ignore[no-untyped-def]
    batch, n = c.shape
    hidden, cell = np.empty_like(c), np.empty_like(c)
    for b in range(batch):
        s = b if wh.shape[0] > 1 else 0
        for u in range(n):
            i, f = _sigmoid(wx[b, u] + wh[s, u]), _sigmoid(wx[b, n + u] + wh[s, n + u])
            g = _tanh(wx[b, 2 * n + u] + wh[s, 2 * n + u])
            cell[b, u] = f * c[b, u] + i * g
            hidden[b, u] = _sigmoid(wx[b, 3 * n + u] + wh[s, 3 * n + u]) * _tanh(cell[b, u])
    return hidden, cell


@numba.njit(error_model="numpy", cache=True)
def _gru(wx, wh, h):  # type: ignore[no-untyped-def]
    batch, n = h.shape
    out = np.empty_like(h)
    for b in range(batch):
        for u in range(n):
            r, z = _sigmoid(wx[b, u] + wh[b, u]), _sigmoid(wx[b, n + u] + wh[b, n + u])
            out[b, u] = (_ONE - z) * _tanh(wx[b, 2 * n + u] + r * wh[b, 2 * n + u]) + z * h[b, u]
    return (out,)


@numba.njit(error_model="numpy", cache=True)
def _rnn_tanh(wx, wh, h):  # type: ignore[no-untyped-def]
    out = np.empty_like(h)
    for b in range(h.shape[0]):
        s = b if wh.shape[0] > 1 else 0
        for u in range(h.shape[1]):
            out[b, u] = _tanh(wx[b, u] + wh[s, u])
    return (out,)


_COMPILED: dict[Kind, Any] = {"lstm": _lstm, "gru": _gru, "rnn_tanh": _rnn_tanh}
