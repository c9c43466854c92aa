"""The transducer's loss against a sum over all its paths, in float64, and its gradient against differences."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

from pcmesh.workloads.rnnt.loss import transducer_loss


def every_path(logits_SUL: Tensor, labels: list[int]) -> Tensor:
    """Return -ln of the summed probability of every order of `labels` and one blank a frame, the last one a blank."""
    logs = torch.log_softmax(logits_SUL, -1)
    frames, blank = logs.shape[0], logs.shape[2] - 1
    moves = frames - 1 + len(labels)
    totals = []
    for letters in combinations(range(moves), len(labels)):
        t = u = 0
        total = torch.zeros((), dtype=logs.dtype)
        for move in range(moves):
            if move in letters:
                total = total + logs[t, u, labels[u]]
                u += 1
            else:
                total = total + logs[t, u, blank]
                t += 1
        totals.append(total + logs[t, u, blank])
    return -torch.logsumexp(torch.stack(totals), 0)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(4, 5, 4, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(5, (4, 3), generator=generator)
    return logits, labels, torch.tensor([5, 3, 1, 4]), torch.tensor([3, 2, 1, 0])


def test_loss_and_gradient_are_those_of_the_sum_over_all_paths(batch: tuple[Tensor, ...]) -> None:
    logits, labels, frames, letters = batch
    logits.requires_grad_()
    wanted = torch.stack(
        [
            every_path(logits[row, : frames[row], : letters[row] + 1], labels[row, : letters[row]].tolist())
            for row in range(len(logits))
        ]
    )
    found = transducer_loss(logits, labels, frames, letters)
    torch.testing.assert_close(found.double(), wanted, atol=1e-5, rtol=1e-6)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0])
    (gradient,) = torch.autograd.grad((found * weights).sum(), logits)
    (oracle,) = torch.autograd.grad((wanted * weights).sum(), logits)
    torch.testing.assert_close(gradient, oracle, atol=1e-6, rtol=1e-5)


def test_padding_changes_nothing_and_has_no_gradient(batch: tuple[Tensor, ...]) -> None:
    logits, labels, frames, letters = batch
    alone = transducer_loss(logits[1:2, :3, :3], labels[1:2, :2], frames[1:2], letters[1:2])
    logits.requires_grad_()
    together = transducer_loss(logits, labels, frames, letters)
    torch.testing.assert_close(together[1:2], alone, atol=0, rtol=0)
    (gradient,) = torch.autograd.grad(together.sum(), logits)
    assert not gradient[1, 3:].any()
    assert not gradient[1, :, 3:].any()


def test_a_certain_text_costs_nothing() -> None:
    logits = torch.full((1, 2, 2, 3), -100.0)
    logits[0, 0, 0, 1] = logits[0, 0, 1, 2] = logits[0, 1, 1, 2] = 100.0
    loss = transducer_loss(logits, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1]))
    assert float(loss) == pytest.approx(0, abs=1e-6)
