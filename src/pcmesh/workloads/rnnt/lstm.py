"""The LSTMs of the RNN-T by the paper's names, each as a module of its own."""

from __future__ import annotations

import torch
from torch import nn

from pcmesh.workloads.rnnt.network import RnntNetwork

LSTMS = {
    **{f"enc-lstm{n}": ("encoder.pre_rnn", n) for n in range(2)},
    **{f"enc-lstm{n + 2}": ("encoder.post_rnn", n) for n in range(3)},
    **{f"dec-lstm{n}": ("prediction.dec_rnn", n) for n in range(2)},
}
"""The paper's name of an LSTM -> its stack in the network, and its number there."""


def lstm_module(network: RnntNetwork, name: str) -> nn.LSTM:
    """Return `enc-lstm0` .. `enc-lstm4`, `dec-lstm0` or `dec-lstm1` alone, samples first, both biases in one."""
    stack, number = LSTMS[name]
    lstm = network.get_submodule(f"{stack}.lstm")
    parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ih, hh, bias_ih, bias_hh = (getattr(lstm, f"{part}_l{number}").detach() for part in parts)
    with torch.device("meta"):
        module = nn.LSTM(ih.shape[1], hh.shape[1], batch_first=True)
    bias = {"bias_ih_l0": bias_ih + bias_hh, "bias_hh_l0": torch.zeros_like(bias_hh)}
    module.load_state_dict({"weight_ih_l0": ih, "weight_hh_l0": hh, **bias}, assign=True)
    return module.eval().requires_grad_(False)
