"""One LSTM over whole utterances, in software or with its matrix products on the chip.

Shapes: B utterances (longest first), T frames, K inputs of a frame, H hidden units, G = 4 H gates.
Gates in PyTorch's order i, f, g, o. Source: paper, Extended Data Fig. 6e.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from pcmesh.execution.behavioural.network import frame_keys
from pcmesh.workloads.rnnt.network import RnntNetwork

LANES, PIECE = 16, 64
"""Software computes this many utterances and frames at a time, filled up with zeros: the same shapes, so the same bits,
whatever the company."""

FRAMES_AHEAD = 16
"""Frames whose Wx is computed in one go."""

LSTMS = {
    **{f"enc-lstm{n}": ("encoder.pre_rnn", n) for n in range(2)},
    **{f"enc-lstm{n + 2}": ("encoder.post_rnn", n) for n in range(3)},
    **{f"dec-lstm{n}": ("prediction.dec_rnn", n) for n in range(2)},
}
"""The paper's name of an LSTM -> its stack in the network, and its number there."""


@dataclass(frozen=True)
class LstmWeights:
    """One LSTM: `ih` (G, K), `hh` (G, H), `bias` (G,), the sum of both of PyTorch's."""

    ih: Tensor
    hh: Tensor
    bias: Tensor

    @property
    def units(self) -> int:
        """Hidden units."""
        return self.hh.shape[1]


def lstm_weights(network: RnntNetwork, name: str) -> LstmWeights:
    """Return the weights of `enc-lstm0` .. `enc-lstm4`, `dec-lstm0`, `dec-lstm1`."""
    stack, number = LSTMS[name]
    lstm = network.get_submodule(f"{stack}.lstm")
    parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ih, hh, bias_ih, bias_hh = (getattr(lstm, f"{part}_l{number}").detach() for part in parts)
    return LstmWeights(ih, hh, bias_ih + bias_hh)


def cell(gates_BG: Tensor, state_BH: Tensor) -> tuple[Tensor, Tensor]:
    """Return the hidden and cell vectors (B, H) after one frame; `gates_BG` is overwritten."""
    units = state_BH.shape[1]
    i, f, g, o = torch.split(gates_BG, units, dim=1)
    i, f, g, o = i.sigmoid_(), f.sigmoid_(), g.tanh_(), o.sigmoid_()
    after_BH = torch.addcmul(f * state_BH, i, g)
    return o * torch.tanh(after_BH), after_BH


def software_lstm(weights: LstmWeights, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the hidden vectors (T, H) of each utterance (T, K), float32; each is the same in any company."""
    module = _module(weights)
    found: list[Tensor] = []
    for start in range(0, len(inputs), LANES):
        block = inputs[start : start + LANES]
        x_TBK = pad_sequence(list(block))
        padded = x_TBK.new_zeros(-(-x_TBK.shape[0] // PIECE) * PIECE, LANES, x_TBK.shape[2])
        padded[: x_TBK.shape[0], : len(block)] = x_TBK
        pieces, state = [], None
        for piece in torch.split(padded, PIECE):
            hidden, state = module(piece, state)
            pieces.append(hidden)
        y_TBH = torch.cat(pieces)
        found += [y_TBH[: len(x), lane].contiguous() for lane, x in enumerate(block)]
    return found


def lstm_module(network: RnntNetwork, name: str) -> nn.LSTM:
    """Return one LSTM of a network as a module of its own, samples first, both biases in one."""
    return _module(lstm_weights(network, name), True)


def _module(weights: LstmWeights, batch_first: bool = False) -> nn.LSTM:
    with torch.device("meta"):
        module = nn.LSTM(weights.ih.shape[1], weights.units, batch_first=batch_first)
    state = {
        "weight_ih_l0": weights.ih,
        "weight_hh_l0": weights.hh,
        "bias_ih_l0": weights.bias,
        "bias_hh_l0": torch.zeros_like(weights.bias),
    }
    module.load_state_dict(state, assign=True)
    return module.eval().requires_grad_(False)


class GateProducts(Protocol):
    """The matrix products of one LSTM on the chip."""

    def ahead(self, x_NK: Tensor, lanes_N: Tensor, keys_N: Tensor) -> Tensor:
        """Return what can be computed of N inputs before the recurrence: their share of the gates, or themselves."""

    def gates(self, ahead_B: Tensor, hidden_BH: Tensor, keys_B: Tensor) -> Tensor:
        """Return the gates (B, G) without biases of one frame, from what `ahead` gave for it."""


def chip_lstm(products: GateProducts, bias_G: Tensor, inputs: Sequence[Tensor], keys_B: Tensor) -> list[Tensor]:
    """Return the hidden vectors (T, H) of each utterance (T, K), with the products on the chip; the rest is float32.

    Args:
        products: the LSTM's products.
        bias_G: added digitally.
        inputs: longest first.
        keys_B: (B,) int64 noise keys of the utterances; frame n uses `frame_keys(keys, n)`.
    """
    lengths = [len(x) for x in inputs]
    assert lengths == sorted(lengths, reverse=True), "longest first"
    x_TBK = pad_sequence(list(inputs))
    units = len(bias_G) // 4
    hidden, state = torch.zeros(len(inputs), units), torch.zeros(len(inputs), units)
    out_TBH = torch.empty(x_TBK.shape[0], len(inputs), units)
    for start in range(0, lengths[0], FRAMES_AHEAD):
        frames = range(start, min(start + FRAMES_AHEAD, lengths[0]))
        active = sum(length > start for length in lengths)
        keys_TB = torch.stack([frame_keys(keys_B[:active], frame) for frame in frames])
        lanes_TB = torch.arange(active).expand(len(frames), -1)
        x_NK = x_TBK[start : frames.stop, :active].reshape(-1, x_TBK.shape[2])
        ahead_TB = products.ahead(x_NK, lanes_TB.flatten(), keys_TB.flatten()).view(len(frames), active, -1)
        for number, frame in enumerate(frames):
            going = sum(length > frame for length in lengths)
            gates = products.gates(ahead_TB[number, :going], hidden[:going], keys_TB[number, :going])
            hidden, state = cell(gates.add_(bias_G), state[:going])
            out_TBH[frame, :going] = hidden
    return [out_TBH[:length, lane].contiguous() for lane, length in enumerate(lengths)]
