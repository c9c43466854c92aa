"""How many bits of weights lose as much as the chips: a curve of losses in nats, read backwards.

Source: Ambrogio et al., Nature 620, 768 (2023), Methods, "RNNT MAC and end-to-end accuracy". There the curve is one of
word errors; the divergence of the probabilities at the same decisions varies less.
"""

from __future__ import annotations

import math
from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pcmesh.analysis.laws.estimates import mean_of
from pcmesh.analysis.laws.law import Estimate, Sight
from pcmesh.studies.laws.speech import Heard, SpeechChips
from pcmesh.studies.laws.speech_laws import NOMINAL, WHOLE
from pcmesh.studies.paper.transducer_layers import WITHOUT_JOINT, rnnt_groups
from pcmesh.workloads.rnnt.listening.transcriber import Transcriber
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.decisions import decision_places, divergence

BITS = (2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0)


def effective_bits(chips: SpeechChips) -> Sight:
    """Round all weights but the joint FC's to fewer and fewer bits; see where software loses what the chips lose."""
    curve = nats_of_bits(chips)
    losses = [one.nats for one in chips.losses(NOMINAL, [WHOLE])[0]]
    found = mean_of(losses)
    ends = [None if value is None else bits_of_loss(curve, value) for value in (found.high, found.low)]
    estimate = Estimate(bits_of_loss(curve, found.value), ends[0], ends[1])
    note = f"divergence {found.value:.4f} nats a letter, read off software with rounded weights"
    return Sight((estimate,), note, {"curve": {str(bits): loss for bits, loss in curve.items()}, "nats": losses})


def nats_of_bits(chips: SpeechChips) -> dict[float, float]:
    """Return the divergence, nats a letter, of software with all weights but the joint FC's in so many bits."""
    kept, found = chips.setting.kept("RNN-T in few bits"), {}
    for done, bits in enumerate(BITS):
        chips.setting.report("weights of few bits", done, len(BITS))
        value = kept.get(f"{bits:g}")
        if value is None:
            value = _nats(_rounded(chips.network, bits), chips)
            kept.put(f"{bits:g}", value)
        found[bits] = float(value)
    chips.setting.report("weights of few bits", len(BITS), len(BITS))
    return found


def bits_of_loss(curve: dict[float, float], loss: float) -> float:
    """Return the bits at which a falling curve has a loss, linear in its logarithm; beyond its ends the ends' bits."""
    bits = sorted(curve)
    logs = np.minimum.accumulate([math.log(max(curve[one], 1e-12)) for one in bits])
    return float(np.interp(-math.log(max(loss, 1e-12)), -logs, bits))


@torch.no_grad()
def _rounded(network: RnntNetwork, bits: float) -> RnntNetwork:
    found = deepcopy(network)
    parameters = dict(found.named_parameters())
    for part in rnnt_groups(network.widths)[WITHOUT_JOINT]:
        weight = parameters[part.parameter]
        part.view(weight).copy_(part.quantised(weight.clone(), bits))
    return found


def _nats(network: RnntNetwork, chips: SpeechChips) -> float:
    heard = chips.heard
    return divergence(_decisions(network, chips.recordings[0].features, heard), heard.probabilities, heard.written)


@torch.inference_mode()
def _decisions(network: RnntNetwork, features: tuple[Tensor, ...], heard: Heard) -> list[Tensor]:
    """Return the log-probabilities of a network in software at the decisions that software took."""
    whole, found = Transcriber(network), []
    for x_TF, written in zip(features, heard.written, strict=True):
        x_BTK, length = x_TF[None], torch.tensor([len(x_TF)])
        for layer in whole.encoder.values():
            x_BTK, length = layer(x_BTK, length)
        part_SJ = whole.get_submodule("enc-fc")(x_BTK)[0]
        labels = torch.tensor([[network.blank, *written.labels]])
        after_UJ = whole.decoder.prediction(labels)[0][0]
        frames_N, letters_N = decision_places(written)
        logits_NL = whole.decoder.joint(part_SJ[frames_N, None], after_UJ[letters_N])[:, 0]
        found.append(F.log_softmax(logits_NL, dim=-1))
    return found
