"""Greedy decoding of many utterances side by side.

Shapes: B utterances, S frames of 60 ms, W frames looked at together, J joint units, P prediction units.
Source: MLPerf inference, RNN-T reference (`decoders.py`): raw logits, at most 30 letters a frame, zero vector at start.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pcmesh.workloads.rnnt.network import RnntNetwork, State

MAX_LETTERS_PER_FRAME = 30
LOOK_AHEAD = 8


@dataclass(frozen=True)
class Decoded:
    """What was written for one utterance.

    Attributes:
        labels: label indices of the letters.
        capped_frames: frames that wrote the most letters allowed and were left without a blank.
        frames: the encoder frame at which each letter was written.
    """

    labels: tuple[int, ...]
    capped_frames: int
    frames: tuple[int, ...]


def predict(network: RnntNetwork, labels_B: Tensor, state: State | None) -> tuple[Tensor, State]:
    """Return Dec-FC (B, J) and the state after one more label of each utterance.

    Args:
        network: in evaluation mode.
        labels_B: the label last written; the blank, at the start.
        state: as returned before; None: zeros.
    """
    predicted_1BP, after = network.prediction(labels_B[None], state)
    return network.joint.prediction_part(predicted_1BP[0]), after


@dataclass
class _Lanes:
    """Where each utterance stands: all (B,) but the state.

    `letters` counts those written at the current frame. `part` (B, J) and `state` are the
    prediction network's after the last letter: they change only with a letter, so that blanks cost no step of it.
    """

    frame: Tensor
    letters: Tensor
    capped: Tensor
    part: Tensor
    state: State

    def advance(self, found_B: Tensor, skipped_B: Tensor, lengths_B: Tensor) -> None:
        """Move to the frame of the letter found `skipped_B` frames ahead, or past the frames that were all blank."""
        same_frame_B = found_B & (skipped_B == 0)
        self.letters = torch.where(same_frame_B, self.letters + 1, found_B.long())
        self.frame = torch.minimum(self.frame + torch.where(found_B, skipped_B, LOOK_AHEAD), lengths_B)
        full_B = self.letters == MAX_LETTERS_PER_FRAME
        self.frame, self.capped = self.frame + full_B, self.capped + full_B
        self.letters = self.letters.masked_fill(full_B, 0)


def greedy_decode(network: RnntNetwork, encoder_part_SBJ: Tensor, lengths_B: Tensor) -> list[Decoded]:
    """Write the most probable letter again and again; at a blank, go to the next frame.

    Each round looks at the next frames of every utterance with the prediction as it is (blanks do not change it) and
    writes one letter for each utterance that has one there: as many rounds as the longest text has letters, nearly.

    Args:
        network: its prediction and joint networks are used.
        encoder_part_SBJ: float32, Enc-FC of the encoded frames.
        lengths_B: int64, valid frames of each utterance.
    """
    frames, batch, _ = encoder_part_SBJ.shape
    device = lengths_B.device
    ahead_W1 = torch.arange(LOOK_AHEAD, device=device)[:, None]
    lane_B = torch.arange(batch, device=device)
    blanks_B = torch.full_like(lengths_B, network.blank)
    zeros_B = torch.zeros_like(lengths_B)
    lanes = _Lanes(zeros_B, zeros_B, zeros_B, *predict(network, blanks_B, None))
    written, at = [], []
    while bool((lanes.frame < lengths_B).any()):
        frame_WB = lanes.frame + ahead_W1
        part_WBJ = encoder_part_SBJ[frame_WB.clamp(max=frames - 1), lane_B]
        best_WB = network.joint(part_WBJ, lanes.part).argmax(-1)
        letter_WB = (best_WB != network.blank) & (frame_WB < lengths_B)
        found_B, skipped_B = letter_WB.any(0), letter_WB.int().argmax(0)
        here_B = lanes.frame + skipped_B
        lanes.advance(found_B, skipped_B, lengths_B)
        if not bool(found_B.any()):
            continue
        at.append(here_B)
        labels_B = torch.where(found_B, best_WB[skipped_B, lane_B], blanks_B)
        written.append(labels_B)
        part_BJ, (hidden, cell) = predict(network, labels_B, lanes.state)
        lanes.part = torch.where(found_B[:, None], part_BJ, lanes.part)
        keep = found_B[None, :, None]
        lanes.state = (torch.where(keep, hidden, lanes.state[0]), torch.where(keep, cell, lanes.state[1]))
    rounds = torch.stack(written, dim=1).tolist() if written else [[] for _ in range(batch)]
    places = torch.stack(at, dim=1).tolist() if at else [[] for _ in range(batch)]
    return [
        _decoded(labels, frames_of, network.blank, capped)
        for labels, frames_of, capped in zip(rounds, places, lanes.capped.tolist(), strict=True)
    ]


def _decoded(labels: list[int], frames: list[int], blank: int, capped: int) -> Decoded:
    """Return what one utterance wrote in all rounds, those left out in which it wrote nothing."""
    wrote = [(label, frame) for label, frame in zip(labels, frames, strict=True) if label != blank]
    return Decoded(tuple(label for label, _ in wrote), capped, tuple(frame for _, frame in wrote))
