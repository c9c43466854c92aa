"""The RNN-T of MLPerf as a torch module whose state has the keys of the published checkpoint.

Shapes: B utterances, T frames of 30 ms, S frames of 60 ms (stacked), U labels, F features, E encoder units,
P prediction units, J joint units, L labels with the blank.
Source: MLPerf inference, RNN-T reference; paper: Fig. 4a.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pcmesh.workloads.rnnt.widths import RnntWidths

State = tuple[Tensor, Tensor]
"""Hidden and cell vectors (layers, B, units) of a stack of LSTMs."""

EncoderState = tuple[State, State]
"""The states before and after time stacking."""

ENCODER_LAYERS, PREDICTION_LAYERS = (2, 3), 2
DROPOUT = 0.32


class LstmStack(nn.Module):
    """Unidirectional LSTMs, one on top of the other."""

    def __init__(self, inputs: int, units: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, units, layers, dropout=dropout)

    def forward(self, x_TBI: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return the outputs (T, B, units) and the state after them; None: zero state."""
        y_TBE, after = self.lstm(x_TBI, state)
        return y_TBE, after


class Encoder(nn.Module):
    """Enc-LSTM0, 1 at 30 ms, time stacking, Enc-LSTM2 to 4 at 60 ms."""

    def __init__(self, widths: RnntWidths, dropout: float) -> None:
        super().__init__()
        before, after = ENCODER_LAYERS
        self.stack = widths.stack
        self.pre_rnn = LstmStack(widths.features, widths.encoder, before, dropout)
        self.post_rnn = LstmStack(widths.stack * widths.encoder, widths.encoder, after, dropout)

    def forward(
        self, features_TBF: Tensor, lengths_B: Tensor, state: EncoderState | None = None
    ) -> tuple[Tensor, EncoderState]:
        """Encode utterances, or the next piece of each.

        Args:
            features_TBF: float32; T must be a multiple of the stacking (pad with anything).
            lengths_B: int64, the frames of each utterance that are valid from the first of these on (<= 0: none).
                Frames beyond count as zeros in the stack, as in the reference; they never reach a valid output.
            state: as returned for the piece before.

        Returns:
            (S, B, E) with S = T / stack, of which ceil(length / stack) are valid, and the state for the next piece.
        """
        before, after = (None, None) if state is None else state
        hidden_TBE, before = self.pre_rnn(features_TBF, before)
        frames, batch, units = hidden_TBE.shape
        valid_TB = torch.arange(frames, device=lengths_B.device)[:, None] < lengths_B
        hidden_TBE = hidden_TBE * valid_TB[..., None]
        stacked = hidden_TBE.view(-1, self.stack, batch, units).transpose(1, 2).reshape(-1, batch, self.stack * units)
        encoded_SBE, after = self.post_rnn(stacked, after)
        return encoded_SBE, (before, after)


class Prediction(nn.Module):
    """Embedding and two LSTMs over the letters written so far (paper: Dec-Emb, Dec-LSTM0, 1)."""

    def __init__(self, widths: RnntWidths, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Embedding(widths.labels, widths.prediction)
        self.dec_rnn = LstmStack(widths.prediction, widths.prediction, PREDICTION_LAYERS, dropout)

    def forward(self, labels_UB: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the outputs (U, B, P) after each label, and the state; the blank, at the start, is a zero vector."""
        blank = self.embed.num_embeddings
        embedded_UBP = F.embedding(labels_UB.clamp(max=blank - 1), self.embed.weight)
        predicted_UBP, after = self.dec_rnn(embedded_UBP * (labels_UB != blank)[..., None], state)
        return predicted_UBP, after


class Joint(nn.Module):
    """Sum of Enc-FC and Dec-FC, ReLU, joint-FC.

    The published first matrix acts on [encoder, prediction]; its two parts are used apart, as on the chips.
    """

    def __init__(self, widths: RnntWidths, dropout: float) -> None:
        super().__init__()
        self.encoder_units = widths.encoder
        first = nn.Linear(widths.encoder + widths.prediction, widths.joint)
        last = nn.Linear(widths.joint, widths.labels + 1)
        self.net = nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last)

    @property
    def encoder_bias(self) -> Tensor:
        """Bias (J,) of the first matrix, which is counted to Enc-FC."""
        first: nn.Linear = self.net[0]  # type: ignore[assignment]
        return first.bias

    @property
    def encoder_weight(self) -> Tensor:
        """Enc-FC (J, E)."""
        first: nn.Linear = self.net[0]  # type: ignore[assignment]
        return first.weight[:, : self.encoder_units]

    @property
    def prediction_weight(self) -> Tensor:
        """Dec-FC (J, P)."""
        first: nn.Linear = self.net[0]  # type: ignore[assignment]
        return first.weight[:, self.encoder_units :]

    @property
    def last(self) -> nn.Linear:
        """Joint-FC."""
        return self.net[3]  # type: ignore[return-value]

    def encoder_part(self, encoded: Tensor) -> Tensor:
        """Return Enc-FC with the bias: (..., E) to (..., J)."""
        return F.linear(encoded, self.encoder_weight, self.encoder_bias)

    def prediction_part(self, predicted: Tensor) -> Tensor:
        """Return Dec-FC: (..., P) to (..., J)."""
        return F.linear(predicted, self.prediction_weight)

    def forward(self, encoder_part: Tensor, prediction_part: Tensor) -> Tensor:
        """Return logits (..., L) of the two parts (..., J), which broadcast."""
        logits: Tensor = self.net[1:](encoder_part + prediction_part)
        return logits


class RnntNetwork(nn.Module):
    """RNN-T of the MLPerf topology at any widths.

    `encoder`, `prediction` and `joint` are used apart: `recognition.recognise` decodes with them.

    Attributes:
        widths: the sizes; `copies` and `expand` in it concern only the chip.
        blank: index of the blank, the last output.
    """

    def __init__(self, widths: RnntWidths | None = None, dropout: float = DROPOUT) -> None:
        super().__init__()
        self.widths = widths or RnntWidths()
        self.blank = self.widths.labels
        self.encoder = Encoder(self.widths, dropout)
        self.prediction = Prediction(self.widths, dropout)
        self.joint = Joint(self.widths, dropout)

    @property
    def parameters_total(self) -> int:
        """Number of weights and biases."""
        return sum(parameter.numel() for parameter in self.parameters())
