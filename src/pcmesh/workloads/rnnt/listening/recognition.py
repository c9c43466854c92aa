"""From features to letters, many utterances at a time, each with the result that it has alone.

Shapes: B utterances (always `LANES`), T frames of 30 ms, S frames of 60 ms, F features, E encoder units, J joint units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pcmesh.workloads.rnnt.listening.decoder import Decoded, greedy_decode
from pcmesh.workloads.rnnt.network import RnntNetwork

LANES = 16
"""Utterances computed side by side; fewer are filled up with empty ones.

Every matrix product then has the same shape whatever the batch, and an utterance the same bits alone and among others:
libraries choose the order of summation by shape.
"""

PIECE_STACKED_FRAMES = 32


@dataclass(frozen=True)
class Recognised:
    """The letters of one utterance, and what they cost.

    Attributes:
        labels: label indices (without blanks).
        feature_frames: frames of 30 ms (steps of Enc-LSTM0, 1).
        encoder_frames: frames of 60 ms (steps of Enc-LSTM2 to 4).
        capped_frames: frames left at the limit of letters, without a blank.
        letter_frames: the encoder frame at which each letter was written.
    """

    labels: tuple[int, ...]
    feature_frames: int
    encoder_frames: int
    capped_frames: int
    letter_frames: tuple[int, ...]

    @property
    def decoder_steps(self) -> int:
        """Steps of the prediction network where it runs only on events, as on the chip: the start and each letter."""
        return 1 + len(self.labels)

    @property
    def prediction_calls(self) -> int:
        """Calls that MLPerf's reference makes: it computes the prediction anew after each blank too."""
        return self.encoder_frames + len(self.labels) - self.capped_frames


@torch.inference_mode()
def recognise(network: RnntNetwork, features: Sequence[Tensor]) -> list[Recognised]:
    """Return the letters of each utterance, in order.

    Args:
        network: in evaluation mode.
        features: float32 (T, F) of each utterance, T >= 1. Utterances of like length side by side cost least.
    """
    found: list[Recognised] = []
    for start in range(0, len(features), LANES):
        block = features[start : start + LANES]
        lengths_B = _lengths(block)
        part_SBJ = torch.cat([network.joint.encoder_part(piece) for piece in _pieces(network, block, lengths_B)])
        stacked_B = _stacked(lengths_B, network.widths.stack)
        decoded = greedy_decode(network, part_SBJ, stacked_B.to(part_SBJ.device))
        counts = zip(decoded, lengths_B.tolist(), stacked_B.tolist(), strict=True)
        found += [_recognised(*count) for count in list(counts)[: len(block)]]
    return found


@torch.inference_mode()
def encode(network: RnntNetwork, features: Sequence[Tensor]) -> list[Tensor]:
    """Return the encoder's output (S, E) of each utterance, S = ceil(T / stack); arguments as for `recognise`."""
    found: list[Tensor] = []
    for start in range(0, len(features), LANES):
        block = features[start : start + LANES]
        lengths_B = _lengths(block)
        encoded_SBE = torch.cat(list(_pieces(network, block, lengths_B)))
        stacked = _stacked(lengths_B, network.widths.stack).tolist()
        found += [encoded_SBE[: stacked[lane], lane] for lane in range(len(block))]
    return found


def _pieces(network: RnntNetwork, block: Sequence[Tensor], lengths_B: Tensor) -> Iterator[Tensor]:
    """Yield the encoder's output (32, B, E) piece by piece."""
    assert not network.training, "dropout is on: call network.eval()"
    frames = PIECE_STACKED_FRAMES * network.widths.stack
    device = next(network.parameters()).device
    features_TBF = pad_sequence(list(block))
    longest, filled, width = features_TBF.shape
    padded_TBF = features_TBF.new_zeros(-(-longest // frames) * frames, LANES, width)
    padded_TBF[:longest, :filled] = features_TBF
    state = None
    for start in range(0, longest, frames):
        piece_TBF = padded_TBF[start : start + frames].to(device)
        encoded_SBE, state = network.encoder(piece_TBF, (lengths_B - start).to(device), state)
        yield encoded_SBE


def _lengths(block: Sequence[Tensor]) -> Tensor:
    lengths = [len(features) for features in block]
    return torch.tensor(lengths + [0] * (LANES - len(block)))


def _stacked(lengths_B: Tensor, stack: int) -> Tensor:
    return (lengths_B + stack - 1) // stack


def _recognised(decoded: Decoded, feature_frames: int, encoder_frames: int) -> Recognised:
    return Recognised(decoded.labels, feature_frames, encoder_frames, decoded.capped_frames, decoded.frames)
