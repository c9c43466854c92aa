"""LSTM, GRU and RNN: products of input and state on tiles, gates and state digital.

The products of a whole sequence's inputs are one call; those of the states go step by step, for all samples at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from pcmesh.model.layers.linear import Affine
from pcmesh.model.products import ProductCall
from pcmesh.model.samples import SampleAxis

Kind = Literal["lstm", "gru", "rnn_tanh", "rnn_relu"]
State = tuple[Tensor, ...]


@dataclass(frozen=True)
class CellCalls:
    """The products of one layer in one direction; `project` is the projection of an LSTM's output."""

    input: ProductCall
    state: ProductCall
    project: ProductCall | None = None


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


STEPS: dict[Kind, Callable[[Tensor, Tensor, State], State]] = {
    "lstm": lstm_step,
    "gru": gru_step,
    "rnn_tanh": lambda wx, wh, _: (torch.tanh(wx + wh),),
    "rnn_relu": lambda wx, wh, _: (torch.relu(wx + wh),),
}


class AnalogCell(nn.Module):
    """One step of an LSTMCell, GRUCell or RNNCell; (B, features) or (features,)."""

    def __init__(self, kind: Kind, calls: CellCalls, input_affine: Affine, state_affine: Affine) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.calls, self.input_affine, self.state_affine = calls, input_affine, state_affine

    def forward(self, x: Tensor, state: Tensor | list[Tensor]) -> Tensor | State:
        """Return the new state: (h, c) of an LSTM, h of the others."""
        before = tuple(state) if isinstance(state, list | tuple) else (state,)
        wx, wh = self.input_affine(self.calls.input(x)), self.state_affine(self.calls.state(before[0]))
        after = STEPS[self.kind](wx, wh, before)
        return after if self.kind == "lstm" else after[0]


class AnalogRecurrent(nn.Module):
    """Layers and directions of an LSTM, GRU or RNN over a sequence."""

    def __init__(
        self,
        kind: Kind,
        cells: list[tuple[CellCalls, Affine, Affine]],
        bidirectional: bool,
        batch_first: bool,
        axis: SampleAxis | None,
    ) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.calls = [entry[0] for entry in cells]
        self.input_affine = nn.ModuleList([entry[1] for entry in cells])
        self.state_affine = nn.ModuleList([entry[2] for entry in cells])
        self.directions = 2 if bidirectional else 1
        self.batch_first, self.axis = batch_first, axis

    def forward(self, x: Tensor, state: Tensor | list[Tensor]) -> tuple[Tensor, ...]:
        """Return (output, h, c) of an LSTM and (output, h) of the others, as ATen does."""
        states = tuple(state) if isinstance(state, list | tuple) else (state,)
        sequence = x.transpose(0, 1) if self.batch_first else x
        last: list[State] = []
        for layer in range(len(self.calls) // self.directions):
            outputs = []
            for direction in range(self.directions):
                number = layer * self.directions + direction
                out, final = self._scan(number, sequence, tuple(s[number] for s in states), direction == 1)
                outputs.append(out)
                last.append(final)
            sequence = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
        finals = tuple(torch.stack(parts) for parts in zip(*last, strict=True))
        return (sequence.transpose(0, 1) if self.batch_first else sequence, *finals)

    def _scan(self, number: int, sequence: Tensor, state: State, reverse: bool) -> tuple[Tensor, State]:
        calls, state_affine = self.calls[number], self.state_affine[number]
        inner = False if self.axis is None else self.axis.inner
        all_steps, one_step = (None, None) if self.axis is None else (SampleAxis(1, inner), SampleAxis(0, inner))
        wx = self.input_affine[number](calls.input(sequence, axis=all_steps))
        outputs: list[Tensor] = []
        steps = range(len(sequence) - 1, -1, -1) if reverse else range(len(sequence))
        for t in steps:
            wh = state_affine(calls.state(state[0], t, one_step))
            state = STEPS[self.kind](wx[t], wh, state)
            if calls.project is not None:
                state = (calls.project(state[0], t, one_step), *state[1:])
            outputs.append(state[0])
        return torch.stack(outputs[::-1] if reverse else outputs), state
