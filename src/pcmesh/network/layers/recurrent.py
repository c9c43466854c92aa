"""LSTM, GRU and RNN: products of input and state on tiles, gates and state digital.

The products of a whole sequence's inputs are one call; those of the states go step by step, for all samples at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from pcmesh.network.layers.gates import Kind, State, recurrent_step
from pcmesh.network.layers.linear import Affine
from pcmesh.network.products import Cell, ProductCall
from pcmesh.network.samples import Rows

P = TypeVar("P")


@dataclass(frozen=True)
class CellCalls:
    """The products of one layer in one direction.

    Attributes:
        input: of the inputs; where `state` is None, of [input, state] at once (`lowering.JoinRecurrent`).
        state: of the state.
        project: the projection of an LSTM's output.
    """

    input: ProductCall
    state: ProductCall | None
    project: ProductCall | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the matrices."""
        return tuple(call.name for call in (self.input, self.state, self.project) if call is not None)


Gates = Callable[[int, Tensor, Rows | None], tuple[Tensor, Tensor]]
"""A step's number, the state before it and whose its rows are -> the inputs' share of the gates, and the state's."""


class InputSigns(NamedTuple):
    """Whether the inputs of a recurrent layer may be negative, and the states that it starts from."""

    inputs: bool = True
    states: bool = True


class AnalogCell(nn.Module):
    """One step of an LSTMCell, GRUCell or RNNCell; (B, features) or (features,)."""

    def __init__(self, kind: Kind, calls: CellCalls, input_affine: Affine, state_affine: Affine) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.calls, self.input_affine, self.state_affine = calls, input_affine, state_affine

    def forward(self, x: Tensor, state: Tensor | list[Tensor]) -> Tensor | State:
        """Return the new state: (h, c) of an LSTM, h of the others."""
        before = tuple(state) if isinstance(state, list | tuple) else (state,)
        if self.calls.state is None:
            wx = self.calls.input(torch.cat((x, before[0]), dim=-1))
            wh = self.state_affine(self.input_affine(wx.new_zeros(1, wx.shape[-1])))
            wh = wh if wx.dim() > 1 else wh[0]
        else:
            wx, wh = self.input_affine(self.calls.input(x)), self.state_affine(self.calls.state(before[0]))
        after = recurrent_step(self.kind, wx, wh, before)
        return after if self.kind == "lstm" else after[0]


def recurrent_cells(
    kind: Kind,
    parameters: Sequence[P],
    has_biases: bool,
    bidirectional: bool,
    signs: InputSigns,
    call: Callable[[P, bool], ProductCall],
    value: Callable[[P], Tensor],
) -> list[tuple[CellCalls, Affine, Affine]]:
    """Return the products and biases of every layer and direction.

    Args:
        kind: of the recurrence.
        parameters: weights and biases in ATen's order.
        has_biases, bidirectional: as ATen's.
        signs: which inputs of the whole layer may be negative.
        call: (weight, signed) -> call of its transpose.
        value: parameter -> tensor.
    """
    hidden = value(parameters[1]).shape
    projected = kind == "lstm" and hidden[0] != 4 * hidden[1]
    each, outputs_signed = 2 + 2 * has_biases + projected, kind != "rnn_relu"
    found = []
    for number, first in enumerate(range(0, len(parameters), each)):
        entries = parameters[first : first + each]
        inner = number >= 1 + bidirectional
        calls = CellCalls(
            call(entries[0], outputs_signed if inner else signs.inputs),
            call(entries[1], outputs_signed or signs.states),
            call(entries[-1], True) if projected else None,
        )
        biases = [Affine(None, value(entry)) for entry in entries[2:4]] if has_biases else [Affine(), Affine()]
        found.append((calls, biases[0], biases[1]))
    return found


@dataclass(frozen=True)
class Packing:
    """Which rows of packed sequences are whose: PackedSequence's `batch_sizes` and `sorted_indices`."""

    active: list[int]
    order: Tensor

    def all_rows(self) -> Rows:
        """Return the owners of all rows, time step by time step."""
        owners = torch.cat([self.order[:count] for count in self.active])
        steps = torch.repeat_interleave(torch.arange(len(self.active)), torch.tensor(self.active))
        return Rows(owners, steps, len(self.order))

    def rows(self, step: int) -> Rows:
        """Return the owners of the rows of one step."""
        owners = self.order[: self.active[step]]
        return Rows(owners, torch.zeros_like(owners), len(self.order))


class AnalogRecurrent(nn.Module):
    """Layers and directions of an LSTM, GRU or RNN over a sequence."""

    def __init__(
        self,
        kind: Kind,
        cells: list[tuple[CellCalls, Affine, Affine]],
        bidirectional: bool,
        batch_first: bool,
    ) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.calls = [entry[0] for entry in cells]
        self.input_affine = nn.ModuleList([entry[1] for entry in cells])
        self.state_affine = nn.ModuleList([entry[2] for entry in cells])
        self.directions = 2 if bidirectional else 1
        self.batch_first = batch_first

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Products that each step of each layer and direction uses."""
        return tuple(
            Cell(
                n // self.directions, c.names if c.project is None else c.names[:-1], c.names[-1:] if c.project else ()
            )
            for n, c in enumerate(self.calls)
        )

    def forward(
        self, x: Tensor, state: Tensor | Sequence[Tensor], packing: Packing | None = None
    ) -> tuple[Tensor, ...]:
        """Return (output, h, c) of an LSTM and (output, h) of the others, as ATen does.

        Args:
            x: (T, B, inputs), (B, T, inputs) with `batch_first`, or (rows, inputs) of packed sequences.
            state: (layers, B, hidden) each.
            packing: of packed sequences.
        """
        states = tuple(state) if isinstance(state, list | tuple) else (state,)
        turned = self.batch_first and packing is None
        sequence = x.transpose(0, 1) if turned else x
        last: list[State] = []
        for layer in range(len(self.calls) // self.directions):
            outputs = []
            for direction in range(self.directions):
                number = layer * self.directions + direction
                out, final = self._scan(number, sequence, tuple(s[number] for s in states), direction == 1, packing)
                outputs.append(out)
                last.append(final)
            sequence = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
        finals = tuple(torch.stack(parts) for parts in zip(*last, strict=True))
        # in one piece, so that what comes next is the same operation for one sample and for many
        return (sequence.transpose(0, 1).clone(memory_format=torch.contiguous_format) if turned else sequence, *finals)

    def _scan(
        self, number: int, sequence: Tensor, state: State, reverse: bool, packing: Packing | None
    ) -> tuple[Tensor, State]:
        calls, gates = self.calls[number], self._gates(number, sequence, packing)
        sizes = [sequence.shape[1]] * len(sequence) if packing is None else packing.active
        outputs: list[Tensor] = []
        for t in range(len(sizes) - 1, -1, -1) if reverse else range(len(sizes)):
            rows, going = None if packing is None else packing.rows(t), sizes[t]
            before = tuple(part[:going] for part in state)
            after = recurrent_step(self.kind, *gates(t, before[0], rows), before)
            if calls.project is not None:
                after = (calls.project(after[0], t, rows), *after[1:])
            outputs.append(after[0])
            ended = going < len(state[0])
            state = tuple(torch.cat([a, b[going:]]) for a, b in zip(after, state, strict=True)) if ended else after
        found = outputs[::-1] if reverse else outputs
        return torch.stack(found) if packing is None else torch.cat(found), state

    def _gates(self, number: int, sequence: Tensor, packing: Packing | None) -> Gates:
        """Return what gives the inputs' and the state's share of the gates of a step."""
        calls, input_affine, state_affine = self.calls[number], self.input_affine[number], self.state_affine[number]
        of_state = calls.state
        if of_state is not None:
            wx = input_affine(calls.input(sequence, rows=None if packing is None else packing.all_rows()))
            shares = wx.unbind(0) if packing is None else wx.split(packing.active)
            return lambda t, h, rows: (shares[t], state_affine(of_state(h, t, rows)))
        inputs = sequence.unbind(0) if packing is None else torch.split(sequence, packing.active)
        columns = calls.input.runtime.weights[calls.input.name].shape[1]
        biases = state_affine(input_affine(sequence.new_zeros(1, columns)))
        return lambda t, h, rows: (calls.input(torch.cat((inputs[t], h), dim=-1), t, rows), biases)
