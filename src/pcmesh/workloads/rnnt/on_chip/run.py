"""A whole data set through the compiled network, layer after layer, each on the chip or in software.

As in the paper, all utterances pass one layer before the next begins (Fig. 5b): its outputs are kept on disk, so that a
run that was cut off goes on where it stopped, and runs that begin alike share their beginning.

Shapes: B utterances, T frames of 30 ms, S frames of 60 ms, J joint units, U letters, L labels with the blank.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pcmesh.deployed import ChipModel
from pcmesh.files.cache import fingerprint
from pcmesh.progress import Progress
from pcmesh.speech.transcripts import to_labels
from pcmesh.workloads.rnnt.listening.recognition import Recognised
from pcmesh.workloads.rnnt.listening.transcriber import Transcriber
from pcmesh.workloads.rnnt.loss import transducer_loss
from pcmesh.workloads.rnnt.on_chip.recipe import LAYERS, products_of, side_by_side
from pcmesh.workloads.rnnt.on_chip.store import Store

BLOCK = 64
"""Utterances of like length that are computed side by side."""


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
        model: the compiled network (`recipe.compile_rnnt`) on a chip.
        on_chip: what runs there: names from `LAYERS`, or of single matrices (`enc-lstm0-wx`); the rest in software.
        store: intermediate results.
    """

    model: ChipModel
    on_chip: frozenset[str]
    store: Store

    def recognise(self, recordings: Recordings, report: Progress) -> list[Recognised]:
        """Return the letters of each recording, in order; each is the same in any company."""
        blocks = recordings.blocks()
        encoded = self._encode(recordings, blocks, report)
        found: dict[int, Recognised] = {}
        for number, (block, parts) in enumerate(zip(blocks, encoded, strict=True)):
            written = self._called("decoder", recordings, block, *side_by_side(parts))
            rows = zip(block, parts, *(entry.tolist() for entry in written), strict=True)
            for position, part, labels, frames, capped in rows:
                letters = [(a, b) for a, b in zip(labels, frames, strict=True) if a != self.network.decoder.blank]
                texts = tuple(a for a, _ in letters), tuple(b for _, b in letters)
                sizes = len(recordings.features[position]), len(part)
                found[position] = Recognised(texts[0], *sizes, capped, texts[1])
            report("decoder", number + 1, len(blocks))
        return [found[position] for position in range(len(recordings.names))]

    def surprise(self, recordings: Recordings, said: Sequence[str], report: Progress) -> float:
        """Return minus the log-probability of what is said, nats per letter (the transducer's loss).

        It varies less from chip to chip than word errors, since it does not wait until a letter tips over.

        Args:
            recordings: at least one.
            said: their texts, in the network's alphabet.
            report: is told the progress.
        """
        texts, total = [to_labels(text) for text in said], 0.0
        for position, part_SJ, after_UJ in self.parts(recordings, texts, report):
            logits_USL = self.joint(part_SJ.expand(len(after_UJ), *part_SJ.shape), after_UJ)
            labels = torch.tensor([texts[position]])
            sizes = torch.tensor([len(part_SJ)]), torch.tensor([len(texts[position])])
            total += float(transducer_loss(logits_USL.transpose(0, 1)[None], labels, *sizes))
        return total / sum(map(len, said))

    def parts(
        self, recordings: Recordings, texts: Sequence[Sequence[int]], report: Progress
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield for each recording its position and both inputs of the joint network while a text is written.

        These are Enc-FC's output (S, J), and Dec-FC's (U, J) before the first label of the text and after each.
        """
        blocks, blank = recordings.blocks(), self.network.decoder.blank
        encoded = self._encode(recordings, blocks, report)
        for number, (block, parts) in enumerate(zip(blocks, encoded, strict=True)):
            longest = max(len(texts[n]) for n in block)
            rows = [[blank, *texts[n]] + [blank] * (longest - len(texts[n])) for n in block]
            after_BUJ, _ = self._called("decoder.prediction", recordings, block, torch.tensor(rows))
            for lane, (position, part_SJ) in enumerate(zip(block, parts, strict=True)):
                yield position, part_SJ, after_BUJ[lane, : len(texts[position]) + 1]
            report("log-probability", number + 1, len(blocks))

    @property
    def network(self) -> Transcriber:
        """The network in software."""
        whole: Any = self.model.network
        network: Transcriber = whole.network
        return network

    @torch.inference_mode()
    def joint(self, encoder_NSJ: Tensor, prediction_NJ: Tensor) -> Tensor:
        """Return logits (N, S, L) of Enc-FC's and Dec-FC's outputs."""
        logits: Tensor = self.network.decoder.joint(encoder_NSJ, prediction_NJ)
        return logits

    def _encode(self, recordings: Recordings, blocks: list[list[int]], report: Progress) -> Iterator[list[Tensor]]:
        """Run the encoder and Enc-FC, and yield each block's (S, J)."""
        key, steps = self._first_key(recordings), LAYERS[:6]
        keys = [self._key(key, steps[: number + 1]) for number in range(len(steps))]
        done = max((n + 1 for n, one in enumerate(keys) if self._complete(one, len(blocks))), default=0)
        for number in range(done, len(steps)):
            before = keys[number - 1] if number else None
            for position, block in enumerate(blocks):
                if self.store.load(keys[number], position) is None:
                    inputs = [recordings.features[n] for n in block] if before is None else self._load(before, position)
                    self.store.save(keys[number], position, self._layer(steps[number], recordings, block, inputs))
                report(steps[number], position + 1, len(blocks))
        return (self._load(keys[-1], position) for position in range(len(blocks)))

    def _layer(self, name: str, recordings: Recordings, block: list[int], inputs: list[Tensor]) -> list[Tensor]:
        x_BTK, lengths_B = side_by_side(inputs)
        if name == "enc-fc":
            y_BTE = self._called(name, recordings, block, x_BTK)
        else:
            y_BTE, lengths_B = self._called(f"encoder.{name}", recordings, block, x_BTK, lengths_B)
        return [own[:length].contiguous() for own, length in zip(y_BTE, lengths_B.tolist(), strict=True)]

    def _called(self, module: str, recordings: Recordings, block: list[int], *inputs: Tensor) -> Any:
        """Return what a module gives for a block of recordings, its matrices on the chip or in software."""
        products = [product for name in self.on_chip for product in products_of(name)]
        part = self.model.using(products).part(module)
        with part.samples([recordings.names[n] for n in block]):
            return part(*inputs)

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
        chosen = sorted(product for name in self.on_chip for product in products_of(name))
        own = [product for step in steps for product in products_of(step) if product in chosen]
        return f"{steps[-1]}-{fingerprint(first, chip_digest(self.model) if own else '', *own)}"


def chip_digest(model: ChipModel) -> str:
    """Return a hash of what a chip's results depend on beside the network: chip, mapping, calibration, age."""
    found, chip = hashlib.blake2b(digest_size=8), model.side.chip
    network = chip.network
    parts = (network.instance, network.age_s, network.mapping.layers, chip.paths is None)
    found.update(repr((network.chip, *parts)).encode())
    for name, readouts in sorted(chip.readouts.items()):
        found.update(name.encode())
        for readout in readouts:
            found.update(readout.slope.numpy().tobytes() + readout.offset.numpy().tobytes())
    return found.hexdigest()


def network_digest(network: nn.Module) -> str:
    """Return a hash of a network's weights."""
    found = hashlib.blake2b(digest_size=8)
    for key, value in sorted(network.state_dict().items()):
        found.update(key.encode())
        found.update(value.contiguous().numpy().tobytes())
    return found.hexdigest()
