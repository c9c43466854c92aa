"""The transducer's loss: minus the log-probability of a text, summed over all ways to spread it over the frames.

Only the log-probabilities of the blank and of the next letter are needed at each node, and their gradients are exact.

Shapes: B utterances, S frames of 60 ms, U letters of the longest text plus one, L labels with the blank.
Source: A. Graves, "Sequence transduction with recurrent neural networks" (2012), arXiv:1211.3711, equations 16 to 20.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def transducer_loss(logits_BSUL: Tensor, labels_BU: Tensor, frames_B: Tensor, letters_B: Tensor) -> Tensor:
    """Return the loss (B,) of each utterance in nats.

    Args:
        logits_BSUL: float, not normalised; the blank is the last label. U is one more than labels_BU's second size.
        labels_BU: int64, the letters; anything beyond an utterance's own.
        frames_B: int64, valid frames, at least 1.
        letters_B: int64, valid letters.
    """
    logs_BSUL = torch.log_softmax(logits_BSUL.float(), dim=-1)
    chosen_B1U1 = labels_BU[:, None, :, None].expand(-1, logs_BSUL.shape[1], -1, 1)
    label_BSU = logs_BSUL[:, :, :-1].gather(-1, chosen_B1U1).squeeze(-1)
    loss_B: Tensor = _PathSum.apply(  # type: ignore[no-untyped-call]
        logs_BSUL[..., -1], label_BSU, frames_B, letters_B
    )
    return loss_B


class _PathSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, blank_BSU: Tensor, label_BSU: Tensor, frames_B: Tensor, letters_B: Tensor) -> Tensor:
        blank, label = (x.detach().double().contiguous() for x in (blank_BSU, label_BSU))
        loss_B = blank.new_empty(len(blank))
        blank_grad, label_grad = torch.zeros_like(blank), torch.zeros_like(label)
        arrays = (x.numpy() for x in (blank, label, frames_B, letters_B, loss_B, blank_grad, label_grad))
        _sum_paths(*arrays)
        ctx.save_for_backward(blank_grad.to(blank_BSU.dtype), label_grad.to(label_BSU.dtype))
        return loss_B.to(blank_BSU.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        blank_grad, label_grad = ctx.saved_tensors
        outer = grads[0][:, None, None]
        return blank_grad * outer, label_grad * outer, None, None


@numba.njit(cache=True)
def _add_logs(a: float, b: float) -> float:
    high, low = max(a, b), min(a, b)
    return high if low == -np.inf else high + np.log1p(np.exp(low - high))


@numba.njit(cache=True)
def _sums_before(blank: Floats, label: Floats, frames: int, letters: int) -> Floats:
    """Return ln of the summed probability of all ways from the start to each node (frames, letters + 1)."""
    before = np.full((frames, letters + 1), -np.inf)
    before[0, 0] = 0.0
    for t in range(frames):
        for u in range(letters + 1):
            if t > 0:
                before[t, u] = before[t - 1, u] + blank[t - 1, u]
            if u > 0:
                before[t, u] = _add_logs(before[t, u], before[t, u - 1] + label[t, u - 1])
    return before


@numba.njit(cache=True)
def _sums_after(blank: Floats, label: Floats, frames: int, letters: int) -> Floats:
    """Return ln of the summed probability of all ways from each node to the end (frames + 1, letters + 2)."""
    after = np.full((frames + 1, letters + 2), -np.inf)
    after[frames, letters] = 0.0
    for t in range(frames - 1, -1, -1):
        for u in range(letters, -1, -1):
            after[t, u] = after[t + 1, u] + blank[t, u]
            if u < letters:
                after[t, u] = _add_logs(after[t, u], after[t, u + 1] + label[t, u])
    return after


@numba.njit(cache=True)
def _sum_paths(
    blank: Floats,
    label: Floats,
    frames: Integers,
    letters: Integers,
    loss: Floats,
    blank_grad: Floats,
    label_grad: Floats,
) -> None:
    """Fill in each utterance's loss and its derivatives, from the sums over ways before and after each node."""
    for row in range(len(frames)):
        before = _sums_before(blank[row], label[row], frames[row], letters[row])
        after = _sums_after(blank[row], label[row], frames[row], letters[row])
        loss[row] = -after[0, 0]
        for t in range(frames[row]):
            for u in range(letters[row] + 1):
                here = before[t, u] - after[0, 0]
                blank_grad[row, t, u] = -np.exp(here + blank[row, t, u] + after[t + 1, u])
                if u < letters[row]:
                    label_grad[row, t, u] = -np.exp(here + label[row, t, u] + after[t, u + 1])
