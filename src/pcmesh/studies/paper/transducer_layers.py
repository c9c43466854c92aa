"""The RNN-T's layers as in the paper's Fig. 4 and 5e, its words counted, and what chip runs say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pcmesh.analysis.scores import Scores
from pcmesh.analysis.sensitivity.quantisation import WeightPart
from pcmesh.analysis.word_errors import word_errors
from pcmesh.mapping.rows import normal_matrix
from pcmesh.random import torch_generator
from pcmesh.speech.transcripts import to_text
from pcmesh.workloads.rnnt.listening.decoder import greedy_decode
from pcmesh.workloads.rnnt.listening.recognition import encode
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.widths import RnntWidths

WORD_ERRORS, SURPRISE = "word error rate", "nats per letter"
NETWORK, WITHOUT_JOINT, ENCODER, DECODER = "network", "network without joint-FC", "encoder", "decoder"
FIRST = "enc-lstm0"
EXPANSION_BITS = 3.5
EXPANSION_ROWS = (256, 320, 512, 768, 1024)
BITS = tuple(step / 2 for step in range(6, 17))


def rnnt_layers(widths: RnntWidths) -> dict[str, tuple[WeightPart, ...]]:
    """Return the matrices of each layer (paper: Fig. 4d)."""
    stacks = [("encoder.pre_rnn", n) for n in range(2)] + [("encoder.post_rnn", n) for n in range(3)]
    found = {f"enc-lstm{index}": _lstm(stack, n) for index, (stack, n) in enumerate(stacks)}
    found["enc-fc"] = (WeightPart("joint.net.0.weight", (0, widths.encoder)),)
    found["dec-emb"] = (WeightPart("prediction.embed.weight"),)
    found |= {f"dec-lstm{n}": _lstm("prediction.dec_rnn", n) for n in range(2)}
    found["dec-fc"] = (WeightPart("joint.net.0.weight", (widths.encoder, widths.encoder + widths.prediction)),)
    found["joint-fc"] = (WeightPart("joint.net.3.weight"),)
    return found


def rnnt_groups(widths: RnntWidths) -> dict[str, tuple[WeightPart, ...]]:
    """Return what is quantised together: everything, all but the joint FC, encoder, decoder, each layer."""
    layers = rnnt_layers(widths)

    def joined(*starts: str) -> tuple[WeightPart, ...]:
        return tuple(part for name, parts in layers.items() if name.startswith(starts) for part in parts)

    blocks = {NETWORK: ("enc", "dec", "joint"), WITHOUT_JOINT: ("enc", "dec"), ENCODER: ("enc",), DECODER: ("dec",)}
    return {name: joined(*starts) for name, starts in blocks.items()} | layers


def expanded_groups(widths: RnntWidths) -> dict[str, tuple[WeightPart, ...]]:
    """Return Enc-LSTM0 with Wx expanded to more and more rows (paper: Fig. 5e): Q(Wx·pinv(M))·M."""
    wx, wh = rnnt_layers(widths)[FIRST]
    return {
        f"{FIRST} on {rows} rows": (
            WeightPart(wx.parameter, expansion=_expansion(widths.features, rows)),
            wh,
        )
        for rows in EXPANSION_ROWS
        if rows >= widths.features
    }


def _expansion(features: int, rows: int) -> Tensor:
    return normal_matrix(rows, features, torch_generator(0, "training", "rnnt", "expansion"))


def _lstm(stack: str, number: int) -> tuple[WeightPart, ...]:
    return tuple(WeightPart(f"{stack}.lstm.weight_{kind}_l{number}") for kind in ("ih", "hh"))


@dataclass
class WordScores:
    """Counts the words of a set that are right, utterance by utterance.

    Attributes:
        features: (T, F) of each utterance.
        texts: what is said in them.
        encoded: encoder's weights (their hash) -> its outputs; only those of the first network seen are kept.
    """

    features: tuple[Tensor, ...]
    texts: tuple[str, ...]
    encoded: dict[str, list[Tensor]] = field(default_factory=dict)

    @torch.inference_mode()
    def __call__(self, network: RnntNetwork) -> Scores:
        """Return words said less word errors, of the words said."""
        written = self._written(network)
        found = [word_errors([said], [text]) for said, text in zip(self.texts, written, strict=True)]
        return Scores(tuple(float(f.words - f.errors) for f in found), tuple(float(f.words) for f in found))

    def _written(self, network: RnntNetwork) -> list[str]:
        encoded = self._encode(network)
        lengths = torch.tensor([len(frames) for frames in encoded])
        parts = network.joint.encoder_part(pad_sequence(encoded))
        return [to_text(one.labels) for one in greedy_decode(network, parts, lengths)]

    def _encode(self, network: RnntNetwork) -> list[Tensor]:
        key = _digest(network.encoder)
        found = self.encoded.get(key)
        if found is None:
            order = sorted(range(len(self.features)), key=lambda n: len(self.features[n]))
            done = dict(zip(order, encode(network, [self.features[n] for n in order]), strict=True))
            found = [done[n] for n in range(len(order))]
            if not self.encoded:
                self.encoded[key] = found
        return found


@dataclass(frozen=True)
class ChipRuns:
    """What chips made of the recordings.

    Attributes:
        accuracies: 1 - WER of each chip with most layers on it.
        alone: measure -> layer -> what each chip loses with that layer alone on it, against software.
    """

    accuracies: tuple[float, ...] = ()
    alone: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)


def chip_runs(result: Mapping[str, Any]) -> ChipRuns:
    """Return what one result of a chip run says; KeyError, TypeError or ValueError: it is none."""
    conditions = result["conditions"]
    whole = max(conditions, key=lambda one: len(one["layers"]))
    rates = whole["wer"]["per_chip"] if len(whole["layers"]) > 1 else ()
    single = {one["layers"][0]: one for one in conditions if len(one["layers"]) == 1}
    if len(single) < 2:
        return ChipRuns(tuple(1 - float(rate) for rate in rates))
    software, alone = result["software"], {}
    for measure, key, expected in (
        (WORD_ERRORS, "wer", software["wer"]),
        (SURPRISE, "nats_per_letter", software["nats_per_letter"]),
    ):
        alone[measure] = {name: [float(v) - expected for v in one[key]["per_chip"]] for name, one in single.items()}
    return ChipRuns(tuple(1 - float(rate) for rate in rates), alone)


def _digest(module: torch.nn.Module) -> str:
    found = hashlib.blake2b(digest_size=8)
    for key, value in sorted(module.state_dict().items()):
        found.update(key.encode())
        found.update(value.detach().contiguous().numpy().tobytes())
    return found.hexdigest()
