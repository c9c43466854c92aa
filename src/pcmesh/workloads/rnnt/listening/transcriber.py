"""The RNN-T from features to letters as one module, its layers named as in the paper: what `pcmesh.compile` takes.

Shapes: B utterances, L of them that are looked at, T frames of 30 ms, S frames of 60 ms, W frames looked at together,
F features, K inputs of a layer, E encoder units, P prediction units, J joint units, U letters.
Source: paper, Fig. 4a; MLPerf inference, RNN-T reference.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pcmesh.workloads.rnnt.listening.decoder import LOOK_AHEAD, MAX_LETTERS_PER_FRAME
from pcmesh.workloads.rnnt.lstm import LSTMS, lstm_module
from pcmesh.workloads.rnnt.network import RnntNetwork, State

ENCODER_LSTMS = tuple(name for name in LSTMS if name.startswith("enc"))
DECODER_LSTMS = tuple(name for name in LSTMS if name.startswith("dec"))
STACKED = "enc-lstm2"
"""The layer whose input is several frames side by side."""
_LANES = 16
"""So many utterances are one product of the joint network, filled up: the same shapes, so the same bits, always."""


class Written(NamedTuple):
    """What was written, filled up with blanks.

    labels: (B, U) int64. frames: (B, U) the encoder frame of each. capped: (B,) frames left at the limit of letters.
    """

    labels: Tensor
    frames: Tensor
    capped: Tensor


class EncoderLayer(nn.Module):
    """One LSTM over utterances of unequal lengths, behind time stacking where there is some."""

    def __init__(self, lstm: nn.LSTM, stack: int) -> None:
        super().__init__()
        self.lstm, self.stack = lstm, stack

    def forward(self, x_BTK: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs (B, T', E), zero behind an utterance's end, and their lengths; T' = ceil(T / stack)."""
        batch, frames, size = x_BTK.shape
        if self.stack > 1:
            x_BTK = F.pad(x_BTK, (0, 0, 0, -frames % self.stack)).reshape(batch, -1, self.stack * size)
            lengths_B = (lengths_B + self.stack - 1) // self.stack
        packed = pack_padded_sequence(x_BTK, lengths_B.cpu(), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0], lengths_B


class DecodingPrediction(nn.Module):
    """Embedding, two LSTMs and Dec-FC over the letters written so far; the blank, at the start, is a zero vector."""

    def __init__(self, network: RnntNetwork) -> None:
        super().__init__()
        table = F.pad(network.prediction.embed.weight.detach(), (0, 0, 0, 1))
        self.embedding = nn.Embedding(table.shape[0], table.shape[1], padding_idx=network.blank, _weight=table)
        for name in DECODER_LSTMS:
            self.add_module(name, lstm_module(network, name))
        self.add_module("dec-fc", _linear(network.joint.prediction_weight, None))

    def forward(self, labels_BU: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return Dec-FC (B, U, J) after each label, and the state after the last; None: zeros."""
        x, after = self.embedding(labels_BU), []
        for number, name in enumerate(DECODER_LSTMS):
            before = None if state is None else (state[0][number : number + 1], state[1][number : number + 1])
            x, own = self.get_submodule(name)(x, before)
            after.append(own)
        hidden, memory = zip(*after, strict=True)
        return self.get_submodule("dec-fc")(x), (torch.cat(hidden), torch.cat(memory))


class DecodingJoint(nn.Module):
    """ReLU of the sum of Enc-FC and Dec-FC, and the last matrix."""

    def __init__(self, network: RnntNetwork) -> None:
        super().__init__()
        self.last = _linear(network.joint.last.weight, network.joint.last.bias)

    def forward(self, encoder_LWJ: Tensor, prediction_LJ: Tensor) -> Tensor:
        """Return logits (L, W, labels) of L utterances at W frames each."""
        hidden = torch.relu(encoder_LWJ + prediction_LJ[:, None])
        lanes = len(hidden)
        padded = F.pad(hidden, (0, 0, 0, 0, 0, -lanes % _LANES))
        return torch.cat([self.last(part) for part in torch.split(padded, _LANES)])[:lanes]


class Decoder(nn.Module):
    """Greedy decoding: the most probable letter again and again; at a blank, the next frame.

    The prediction network's n-th step is that of every utterance's n-th letter, whatever frame it is written at.
    """

    def __init__(self, network: RnntNetwork) -> None:
        super().__init__()
        self.blank = network.blank
        self.prediction, self.joint = DecodingPrediction(network), DecodingJoint(network)

    def forward(self, part_BSJ: Tensor, lengths_B: Tensor) -> Written:
        """Return the letters of utterances whose Enc-FC is `part_BSJ`, of `lengths_B` valid frames."""
        batch = len(lengths_B)
        frame_B, count_B = torch.zeros_like(lengths_B), torch.zeros_like(lengths_B)
        capped_B, labels_B = torch.zeros_like(lengths_B), torch.full_like(lengths_B, self.blank)
        labels, frames, state = [], [], None
        while True:
            after_BUJ, state = self.prediction(labels_B[:, None], state)
            labels_B, here_B = self._next(part_BSJ, lengths_B, after_BUJ[:, 0], frame_B)
            found_B = labels_B != self.blank
            if not bool(found_B.any()):
                break
            labels.append(labels_B)
            frames.append(here_B)
            count_B = torch.where(here_B == frame_B, count_B, 0) + found_B.long()
            full_B = found_B & (count_B == MAX_LETTERS_PER_FRAME)
            frame_B, capped_B = here_B + full_B.long(), capped_B + full_B.long()
            count_B = count_B.masked_fill(full_B, 0)
        if not labels:
            return Written(lengths_B.new_zeros(batch, 0), lengths_B.new_zeros(batch, 0), capped_B)
        return Written(torch.stack(labels, 1), torch.stack(frames, 1), capped_B)

    def decisions(self, part_BSJ: Tensor, lengths_B: Tensor, labels_BU: Tensor, frames_BU: Tensor) -> Tensor:
        """Return the log-probabilities (B, U + S, labels) of the decisions that write letters; zeros: no decision.

        Args:
            part_BSJ, lengths_B: as `forward`.
            labels_BU, frames_BU: letters, and the frames where they are written, filled up with blanks.
        """
        batch, frames = part_BSJ.shape[:2]
        letter_BU, at_S = labels_BU != self.blank, torch.arange(frames, device=lengths_B.device)
        before = torch.cat((labels_BU.new_full((batch, 1), self.blank), labels_BU), 1)
        after_BUJ, _ = self.prediction(before)
        said_BS = ((frames_BU[:, None] <= at_S[:, None]) & letter_BU[:, None]).sum(-1)
        frame_BD = torch.cat((frames_BU, at_S.expand(batch, -1)), 1)
        said_BD = torch.cat((torch.arange(labels_BU.shape[1], device=at_S.device).expand(batch, -1), said_BS), 1)
        real_BD = torch.cat((letter_BU, at_S < lengths_B[:, None]), 1)
        lane_B1 = torch.arange(batch, device=at_S.device)[:, None]
        parts, after = part_BSJ[lane_B1, frame_BD].flatten(0, 1), after_BUJ[lane_B1, said_BD].flatten(0, 1)
        logits: Tensor = self.joint(parts[:, None], after)[:, 0]
        return F.log_softmax(logits, -1).reshape(batch, -1, logits.shape[-1]) * real_BD[..., None]

    def _next(self, part_BSJ: Tensor, lengths_B: Tensor, after_BJ: Tensor, frame_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next letter of each utterance, the blank where there is none, and its frame."""
        labels_B, here_B = torch.full_like(lengths_B, self.blank), frame_B.clone()
        ahead_W = torch.arange(LOOK_AHEAD, device=lengths_B.device)
        lanes_L = torch.nonzero(frame_B < lengths_B).flatten()
        while len(lanes_L):
            frames_LW = here_B[lanes_L, None] + ahead_W
            parts_LWJ = part_BSJ[lanes_L[:, None], frames_LW.clamp(max=part_BSJ.shape[1] - 1)]
            best_LW = self.joint(parts_LWJ, after_BJ[lanes_L]).argmax(-1)
            letter_LW = (best_LW != self.blank) & (frames_LW < lengths_B[lanes_L, None])
            found_L, skipped_L = letter_LW.any(1), letter_LW.int().argmax(1)
            here_B[lanes_L] += torch.where(found_L, skipped_L, LOOK_AHEAD)
            labels_B[lanes_L] = torch.where(found_L, best_LW.gather(1, skipped_L[:, None])[:, 0], self.blank)
            lanes_L = lanes_L[~found_L & (here_B[lanes_L] < lengths_B[lanes_L])]
        return labels_B, torch.minimum(here_B, lengths_B)


class Transcriber(nn.Module):
    """An RNN-T from features to letters; its weights are copies of the network's.

    Modules: `encoder.enc-lstm0` to `enc-lstm4`, `enc-fc`, `decoder` with `prediction` and `joint`.
    """

    def __init__(self, network: RnntNetwork) -> None:
        super().__init__()
        self.widths = network.widths
        stack = network.widths.stack
        layers = {n: EncoderLayer(lstm_module(network, n), stack if n == STACKED else 1) for n in ENCODER_LSTMS}
        self.encoder = nn.ModuleDict(layers)
        self.add_module("enc-fc", _linear(network.joint.encoder_weight, network.joint.encoder_bias))
        self.decoder = Decoder(network)
        self.eval().requires_grad_(False)

    def forward(
        self, features_BTF: Tensor, lengths_B: Tensor, written: tuple[Tensor, Tensor] | None = None
    ) -> Written | Tensor:
        """Return the letters of utterances; or, given letters, what is thought of them.

        Args:
            features_BTF: zeros behind an utterance's end.
            lengths_B: frames of each, at least one.
            written: letters (B, U) filled up with blanks, and the frame of each: then the log-probabilities of the
                decisions that write them are returned (`Decoder.decisions`).
        """
        x = features_BTF
        for layer in self.encoder.values():
            x, lengths_B = layer(x, lengths_B)
        part_BSJ = self.get_submodule("enc-fc")(x)
        if written is not None:
            return self.decoder.decisions(part_BSJ, lengths_B, *written)
        found: Written = self.decoder(part_BSJ, lengths_B)
        return found


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return layer
