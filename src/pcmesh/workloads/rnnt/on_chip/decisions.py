"""What a noisy network decides where software decided: a loss with little variance from chip to chip.

Software writes a recording with one decision for each letter and each blank. At the same frames, after the same text,
the chip's probabilities diverge from software's, whether or not a letter tips over; every error adds to the divergence,
while in the log-probability of a text errors cancel. Shapes: N decisions, L labels with the blank.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pcmesh.progress import Progress
from pcmesh.workloads.rnnt.listening.recognition import Recognised
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run


@torch.inference_mode()
def decisions(run: Run, recordings: Recordings, written: Sequence[Recognised], report: Progress) -> list[Tensor]:
    """Return for each recording the log-probabilities (N, L) of a run at the decisions that wrote some letters.

    Args:
        run: in software or on a chip.
        recordings: what is heard.
        written: the letters of each, with the frames where they were written.
        report: is told the progress.
    """
    found: dict[int, Tensor] = {}
    for position, part_SJ, after_UJ in run.parts(recordings, [one.labels for one in written], report):
        frames_N, letters_N = decision_places(written[position])
        logits_NL = run.joint(part_SJ[frames_N, None], after_UJ[letters_N])[:, 0]
        found[position] = F.log_softmax(logits_NL, dim=-1)
    return [found[position] for position in range(len(written))]


def decision_places(written: Recognised) -> tuple[Tensor, Tensor]:
    """Return the frames (N,) of all decisions, and how many letters stood before each."""
    at_U = torch.tensor(written.letter_frames, dtype=torch.int64)
    blank_S = torch.arange(written.encoder_frames)
    before_S = torch.searchsorted(at_U, blank_S, right=True)
    return torch.cat((at_U, blank_S)), torch.cat((torch.arange(len(at_U)), before_S))


def divergence(got: Sequence[Tensor], wanted: Sequence[Tensor], written: Sequence[Recognised]) -> float:
    """Return the Kullback-Leibler divergence of all decisions from software's, nats per letter."""
    total = sum(float(F.kl_div(a, b, reduction="sum", log_target=True)) for a, b in zip(got, wanted, strict=True))
    return total / sum(len(one.labels) for one in written)
