"""The RNN-T as it is trained: with its losses, a CTC head that helps it start, and initial weights that learn fast.

Shapes: T frames of 30 ms, S of 60 ms, B sentences, U letters, E encoder units, P prediction units, L labels with blank.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pcmesh.recipes.rnnt.batches import SpeechBatch
from pcmesh.recipes.rnnt.recipe import RecipeConfig
from pcmesh.workloads.rnnt.loss import transducer_loss
from pcmesh.workloads.rnnt.network import RnntNetwork

_INPUT_GAIN = 1.5


class TrainedModel(nn.Module):
    """The network with a CTC head: two outputs for each frame of 60 ms, one for each half."""

    def __init__(self, config: RecipeConfig) -> None:
        super().__init__()
        self.network = RnntNetwork(config.widths, config.dropout)
        self.ctc = nn.Linear(config.encoder, config.widths.stack * (config.widths.labels + 1))
        _initialise(self.network)

    def forward(self, batch: SpeechBatch) -> tuple[Tensor, Tensor]:
        """Return the transducer's and the CTC loss per letter."""
        network, letters = self.network, batch.letters_B.sum()
        encoded_SBE, _ = network.encoder(batch.features_TBF, batch.frames_B)
        labels_UB = F.pad(batch.labels_BU, (1, 0), value=network.blank).T
        predicted_UBP, _ = network.prediction(labels_UB)
        logits_BSUL = network.joint(
            network.joint.encoder_part(encoded_SBE).transpose(0, 1)[:, :, None],
            network.joint.prediction_part(predicted_UBP).transpose(0, 1)[:, None],
        )
        stack = network.widths.stack
        stacked_B = (batch.frames_B + stack - 1) // stack
        transducer = transducer_loss(logits_BSUL, batch.labels_BU, stacked_B, batch.letters_B).sum() / letters
        halves_TBL = self.ctc(encoded_SBE).unflatten(-1, (stack, -1)).transpose(1, 2).flatten(0, 1)
        ctc = F.ctc_loss(
            torch.log_softmax(halves_TBL.float(), dim=-1),
            batch.labels_BU,
            batch.frames_B,
            batch.letters_B,
            blank=network.blank,
            reduction="sum",
            zero_infinity=True,
        )
        return transducer, ctc / letters


@torch.no_grad()
def _initialise(network: RnntNetwork) -> None:
    """Set the LSTMs' weights so that signals keep their size through five layers, and the forget gates open."""
    for name, parameter in network.named_parameters():
        gates = parameter.chunk(4) if ".lstm." in name else ()
        if "bias_hh" in name:
            parameter.zero_()
        elif "bias_ih" in name:
            parameter.zero_()
            gates[1].fill_(1.0)
        for gate in gates if "weight" in name else ():
            if "weight_hh" in name:
                nn.init.orthogonal_(gate)
            else:
                nn.init.xavier_uniform_(gate, gain=_INPUT_GAIN)
