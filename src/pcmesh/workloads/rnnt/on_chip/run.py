"""A whole data set through the network, layer after layer, each on the chip or in software.

As in the paper, all utterances pass one layer before the next begins (Fig. 5b): its outputs are kept on disk, so that a
run that was cut off goes on where it stopped, and runs that begin alike share their beginning.

Shapes: B utterances, T frames of 30 ms, S frames of 60 ms, E encoder units, J joint units.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pcmesh.cache import fingerprint
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.execution.products import LayerProduct
from pcmesh.physics.normal import mix_tensor
from pcmesh.speech.transcripts import to_labels
from pcmesh.workloads.rnnt.decoder import Decoded, greedy_decode
from pcmesh.workloads.rnnt.loss import transducer_loss
from pcmesh.workloads.rnnt.lstm import GateProducts, chip_lstm, lstm_weights, software_lstm
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.calibration import stack_frames
from pcmesh.workloads.rnnt.on_chip.chip import LAYERS, RnntChip, matrices
from pcmesh.workloads.rnnt.on_chip.predictor import ChipPredictor
from pcmesh.workloads.rnnt.on_chip.products import Joined, Product, Separate, Undo
from pcmesh.workloads.rnnt.on_chip.store import Store
from pcmesh.workloads.rnnt.recognition import Recognised

BLOCK = 64
"""Utterances of like length that are computed side by side."""
_ROWS = 256
_STACKED_FROM = "enc-lstm2"

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Recordings:
    """What is recognised.

    Attributes:
        names: of the utterances; they and the seed make the noise.
        features: float32 (T, F) of each.
    """

    names: tuple[str, ...]
    features: tuple[Tensor, ...]

    def blocks(self) -> list[list[int]]:
        """Return the positions of the utterances in blocks, longest first."""
        order = sorted(range(len(self.features)), key=lambda n: (-len(self.features[n]), self.names[n]))
        return [order[start : start + BLOCK] for start in range(0, len(order), BLOCK)]

    def digest(self) -> str:
        """Return a hash of names and features."""
        found = hashlib.blake2b(digest_size=8)
        for name, features in zip(self.names, self.features, strict=True):
            found.update(name.encode())
            found.update(features.contiguous().numpy().tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Run:
    """One pass of recordings through the network.

    Attributes:
        network: in software.
        chip: where the layers of `on_chip` run; None: nowhere.
        on_chip: names from `LAYERS`, or of single matrices (`enc-lstm0-wx`) of a layer whose other one is in software.
        store: intermediate results.
    """

    network: RnntNetwork
    chip: RnntChip | None
    on_chip: frozenset[str]
    store: Store

    @torch.inference_mode()
    def recognise(self, recordings: Recordings, report: Report) -> list[Recognised]:
        """Return the letters of each recording, in order; each is the same in any company."""
        blocks = recordings.blocks()
        encoded = self._encode(recordings, blocks, report)
        found: dict[int, Recognised] = {}
        products = {name: one for layer in LAYERS[6:] for name, one in self._products(layer).items()}
        for number, (block, parts) in enumerate(zip(blocks, encoded, strict=True)):
            decoded = self._decode(parts, self._keys(recordings, block), products)
            for position, letters, part in zip(block, decoded, parts, strict=True):
                frames = len(recordings.features[position])
                found[position] = Recognised(letters.labels, frames, len(part), letters.capped_frames, letters.frames)
            report("decoder", number + 1, len(blocks))
        return [found[position] for position in range(len(recordings.names))]

    @torch.inference_mode()
    def surprise(self, recordings: Recordings, said: Sequence[str], report: Report) -> float:
        """Return minus the log-probability of what is said, nats per letter (the transducer's loss).

        It varies less from chip to chip than word errors, since it does not wait until a letter tips over.

        Args:
            recordings: at least one.
            said: their texts, in the network's alphabet.
            report: is told the progress.
        """
        texts, total = [to_labels(text) for text in said], 0.0
        for position, part_SJ, after_UJ in self.parts(recordings, texts, report):
            logits_SUL = self.network.joint(part_SJ[:, None], after_UJ[None])
            labels = torch.tensor([texts[position]])
            sizes = torch.tensor([len(part_SJ)]), torch.tensor([len(texts[position])])
            total += float(transducer_loss(logits_SUL[None], labels, *sizes))
        return total / sum(map(len, said))

    def parts(
        self, recordings: Recordings, texts: Sequence[Sequence[int]], report: Report
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield for each recording its position and both inputs of the joint network while a text is written.

        These are Enc-FC's output (S, J), and Dec-FC's (U, J) before the first label of the text and after each.
        """
        blocks = recordings.blocks()
        encoded = self._encode(recordings, blocks, report)
        products = {name: one for layer in LAYERS[6:] for name, one in self._products(layer).items()}
        for number, (block, parts) in enumerate(zip(blocks, encoded, strict=True)):
            here = [texts[n] for n in block]
            after_UBJ = self._after_letters(here, self._keys(recordings, block), products)
            for lane, (position, part_SJ) in enumerate(zip(block, parts, strict=True)):
                yield position, part_SJ, after_UBJ[: len(here[lane]) + 1, lane]
            report("log-probability", number + 1, len(blocks))

    def _after_letters(
        self, texts: Sequence[Sequence[int]], keys_B: Tensor, products: Mapping[str, LayerProduct]
    ) -> Tensor:
        """Return the prediction network's part (U, B, J) before the first letter of each text and after each letter."""
        predict = ChipPredictor(self.network, products, F.pad(keys_B, (0, BLOCK - len(texts))))
        blank, longest = self.network.blank, max(map(len, texts))
        rows = [[blank, *text] + [blank] * (longest - len(text)) for text in texts]
        labels_UB = torch.tensor(rows + [[blank] * (longest + 1)] * (BLOCK - len(texts))).T
        state, parts = None, []
        for step, labels_B in enumerate(labels_UB):
            part_BJ, state = predict(labels_B, state, torch.full_like(labels_B, step))
            parts.append(part_BJ)
        return torch.stack(parts)

    def _encode(self, recordings: Recordings, blocks: list[list[int]], report: Report) -> Iterator[list[Tensor]]:
        """Run the encoder and Enc-FC, and yield each block's (S, J)."""
        key, steps = self._first_key(recordings), LAYERS[:6]
        keys = [self._key(key, steps[: number + 1]) for number in range(len(steps))]
        done = max((n + 1 for n, one in enumerate(keys) if self._complete(one, len(blocks))), default=0)
        for number in range(done, len(steps)):
            before = keys[number - 1] if number else None
            products = self._products(steps[number])
            for position, block in enumerate(blocks):
                if self.store.load(keys[number], position) is None:
                    inputs = [recordings.features[n] for n in block] if before is None else self._load(before, position)
                    outputs = self._layer(steps[number], inputs, self._keys(recordings, block), products)
                    self.store.save(keys[number], position, outputs)
                report(steps[number], position + 1, len(blocks))
        return (self._load(keys[-1], position) for position in range(len(blocks)))

    def _layer(
        self, name: str, inputs: list[Tensor], keys_B: Tensor, products: Mapping[str, LayerProduct]
    ) -> list[Tensor]:
        if name == "enc-fc":
            return self._enc_fc(inputs, keys_B, products)
        if name == _STACKED_FROM:
            inputs = [stack_frames(one, self.network.widths.stack) for one in inputs]
        weights = lstm_weights(self.network, name)
        if not products:
            return software_lstm(weights, inputs)
        gates, inputs = self._gate_products(name, inputs, products)
        return chip_lstm(gates, weights.bias, inputs, keys_B)

    def _gate_products(
        self, name: str, inputs: list[Tensor], products: Mapping[str, LayerProduct]
    ) -> tuple[GateProducts, list[Tensor]]:
        if name in products:
            return Joined(products[name]), inputs
        undo = None
        if name == LAYERS[0]:
            assert self.chip is not None
            scaling = self.chip.program.scaling
            scaled = [scaling.apply(one) for one in inputs]
            inputs = [one.rows_TK for one in scaled]
            scales, means = torch.tensor([one.scale for one in scaled]), torch.tensor([one.mean for one in scaled])
            undo = Undo(scales, means, scaling.column_sums_G)
        wx, wh = (products.get(f"{name}-{part}") or self._software_product(f"{name}-{part}") for part in ("wx", "wh"))
        return Separate(wx, wh, undo), inputs

    def _software_product(self, matrix: str) -> Product:
        """Return a matrix of the chip's graph in float32."""
        assert self.chip is not None
        weight = self.chip.program.graph.weights[matrix]
        return lambda x, _: x @ weight

    def _enc_fc(self, inputs: list[Tensor], keys_B: Tensor, products: Mapping[str, LayerProduct]) -> list[Tensor]:
        rows = torch.cat(inputs)
        lengths = [len(one) for one in inputs]
        joint = self.network.joint
        if not products:
            padded = F.pad(rows, (0, 0, 0, -len(rows) % _ROWS))  # the same shapes, so the same bits, in any company
            found = torch.cat([joint.encoder_part(part) for part in torch.split(padded, _ROWS)])[: len(rows)]
            return [one.contiguous() for one in torch.split(found, lengths)]
        frames = torch.cat([torch.arange(length) for length in lengths])
        keys = mix_tensor(keys_B.repeat_interleave(torch.tensor(lengths)), frames)
        found = products["enc-fc"](rows, keys) + joint.encoder_bias
        return [one.contiguous() for one in torch.split(found, lengths)]

    def _decode(self, parts: list[Tensor], keys_B: Tensor, products: Mapping[str, LayerProduct]) -> list[Decoded]:
        lengths = torch.tensor([len(part) for part in parts] + [0] * (BLOCK - len(parts)))
        padded_SBJ = F.pad(pad_sequence(parts), (0, 0, 0, BLOCK - len(parts)))
        predict = ChipPredictor(self.network, products, F.pad(keys_B, (0, BLOCK - len(parts))))
        return greedy_decode(self.network, padded_SBJ, lengths, predict)[: len(parts)]

    def _products(self, layer: str) -> Mapping[str, LayerProduct]:
        if self.chip is None:
            return {}
        names = [layer] if layer in self.on_chip else [name for name in self.on_chip if name in matrices(layer)]
        return {one: product for name in names for one, product in self.chip.layer(name).items()}

    def _keys(self, recordings: Recordings, block: list[int]) -> Tensor:
        if self.chip is None:
            return torch.zeros(len(block), dtype=torch.int64)
        return noise_keys(self.chip.instance, [recordings.names[n] for n in block])

    def _load(self, key: str, block: int) -> list[Tensor]:
        found = self.store.load(key, block)
        assert found is not None, f"block {block} of {key} is gone"
        return found

    def _complete(self, key: str, blocks: int) -> bool:
        return all(self.store.load(key, block) is not None for block in range(blocks))

    def _first_key(self, recordings: Recordings) -> str:
        return fingerprint("recordings", recordings.digest(), network_digest(self.network))

    def _key(self, first: str, steps: Sequence[str]) -> str:
        """Return the name of the results after some steps: it stands for all that they depend on."""
        chosen = sorted(name for step in steps for name in (step, *matrices(step)) if name in self.on_chip)
        condition = self.chip.digest() if self.chip is not None and chosen else ""
        return f"{steps[-1]}-{fingerprint(first, condition, *chosen)}"


def network_digest(network: RnntNetwork) -> str:
    """Return a hash of a network's weights."""
    found = hashlib.blake2b(digest_size=8)
    for key, value in sorted(network.state_dict().items()):
        found.update(key.encode())
        found.update(value.contiguous().numpy().tobytes())
    return found.hexdigest()
