"""The decoder on the chip: Dec-LSTM0 with the embedding collapsed into its rows, Dec-LSTM1, Dec-FC.

Shapes: B utterances, L labels without the blank, P prediction units, J joint units.
Source: paper, Methods "RNNT weights and network mapping", Extended Data Fig. 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from pcmesh.execution.products import LayerProduct
from pcmesh.physics.normal import mix_tensor
from pcmesh.workloads.rnnt.lstm import LstmWeights, cell, lstm_weights
from pcmesh.workloads.rnnt.network import RnntNetwork, State

DECODER_LSTMS, DEC_FC = ("dec-lstm0", "dec-lstm1"), "dec-fc"


def token_rows(labels_B: Tensor, labels: int, copies: int) -> Tensor:
    """Return the one-hot rows (B, copies * L) of labels; the blank, at the start, is all zeros."""
    return F.one_hot(labels_B, labels + 1)[:, :labels].float().repeat(1, copies)


@dataclass(frozen=True)
class ChipPredictor:
    """The prediction network with some of its layers on the chip, the others in float32.

    Attributes:
        network: its weights for the software's part, and the biases.
        products: `dec-lstm0`, `dec-lstm1`, `dec-fc`: those on the chip.
        keys_B: (B,) int64 noise keys of the utterances.
    """

    network: RnntNetwork
    products: Mapping[str, LayerProduct]
    keys_B: Tensor

    def __call__(self, labels_B: Tensor, state: State | None, steps_B: Tensor) -> tuple[Tensor, State]:
        """See `decoder.Predictor`."""
        keys_B = mix_tensor(self.keys_B, steps_B)
        units = self.network.widths.prediction
        zeros = torch.zeros(len(DECODER_LSTMS), len(labels_B), units)
        hidden, memory = (zeros, zeros) if state is None else state
        x = self._inputs(labels_B)
        after = []
        for number, name in enumerate(DECODER_LSTMS):
            weights = self._weights[name]
            if name in self.products:
                gates = self.products[name](torch.cat((x, hidden[number]), dim=1), keys_B)
            else:
                gates = F.linear(x, weights.ih) + F.linear(hidden[number], weights.hh)
            after.append(cell(gates.add_(weights.bias), memory[number]))
            x = after[-1][0]
        new_state = (torch.stack([h for h, _ in after]), torch.stack([c for _, c in after]))
        return self._last(x, keys_B), new_state

    @cached_property
    def _weights(self) -> dict[str, LstmWeights]:
        return {name: lstm_weights(self.network, name) for name in DECODER_LSTMS}

    def _inputs(self, labels_B: Tensor) -> Tensor:
        widths = self.network.widths
        if DECODER_LSTMS[0] in self.products:
            return token_rows(labels_B, widths.labels, widths.embedding_copies)
        return token_rows(labels_B, widths.labels, 1) @ self.network.prediction.embed.weight

    def _last(self, hidden_BP: Tensor, keys_B: Tensor) -> Tensor:
        if DEC_FC in self.products:
            return self.products[DEC_FC](hidden_BP, keys_B)
        return self.network.joint.prediction_part(hidden_BP)
