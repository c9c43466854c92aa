"""Calibration frames: what every layer of the RNN-T sees on recordings of the training set, in software.

Shapes: T frames, F features, E encoder units, P prediction units.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.workloads.rnnt.lstm import lstm_weights, software_lstm
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.predictor import token_rows
from pcmesh.workloads.rnnt.on_chip.preprocess import InputScaling
from pcmesh.workloads.rnnt.recognition import recognise


@torch.inference_mode()
def calibration_vectors(
    network: RnntNetwork,
    scaling: InputScaling,
    features: Sequence[Tensor],
    frames: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return vector name -> (frames, size) float32 inputs of all layers of `rnnt_graph`.

    Args:
        network: in evaluation mode.
        scaling: of Enc-LSTM0's inputs.
        features: (T, F) of each recording.
        frames: how many are drawn of each vector, without replacement; all where there are fewer.
        generator: for the draw.

    Raises:
        InputError: no recording.
    """
    if not features:
        raise InputError("no recordings to calibrate on", "Give some of the training set")
    found = {"enc-lstm0-x": [scaling.apply(one).rows_TK for one in features]}
    x = list(features)
    for number in range(5):
        name = f"enc-lstm{number}"
        if number == 2:
            x = [stack_frames(one, network.widths.stack) for one in x]
            found["enc-lstm2-x"] = x
        hidden = software_lstm(lstm_weights(network, name), x)
        if number >= 3:
            found[f"{name}-xh"] = [_with_last(a, b) for a, b in zip(x, hidden, strict=True)]
        found[f"{name}-h"] = x = hidden
    found |= _decoder(network, features)
    return {name: _draw(torch.cat(list(vectors)), frames, generator) for name, vectors in found.items()}


def stack_frames(x_TE: Tensor, stack: int) -> Tensor:
    """Return each `stack` frames side by side, (ceil(T / stack), stack * E); past the end there are zeros."""
    return F.pad(x_TE, (0, 0, 0, -len(x_TE) % stack)).reshape(-1, stack * x_TE.shape[1])


def _decoder(network: RnntNetwork, features: Sequence[Tensor]) -> dict[str, list[Tensor]]:
    """Return what the decoder sees while it writes what software writes."""
    widths = network.widths
    labels = [torch.tensor([network.blank, *one.labels]) for one in recognise(network, features)]
    tokens = [token_rows(one, widths.labels, 1) for one in labels]
    embedded = [one @ network.prediction.embed.weight for one in tokens]
    first = software_lstm(lstm_weights(network, "dec-lstm0"), embedded)
    second = software_lstm(lstm_weights(network, "dec-lstm1"), first)
    rows = [one.repeat(1, widths.embedding_copies) for one in tokens]
    return {
        "dec-lstm0-xh": [_with_last(a, b) for a, b in zip(rows, first, strict=True)],
        "dec-lstm1-xh": [_with_last(a, b) for a, b in zip(first, second, strict=True)],
        "dec-lstm1-h": second,
    }


def _with_last(x_TK: Tensor, hidden_TH: Tensor) -> Tensor:
    """Return [x, h] with the hidden vector of the frame before."""
    return torch.cat((x_TK, F.pad(hidden_TH[:-1], (0, 0, 1, 0))), dim=1)


def _draw(vectors: Tensor, frames: int, generator: torch.Generator) -> Tensor:
    order = torch.randperm(len(vectors), generator=generator)[:frames]
    return vectors[order]
