"""What the RNN-T loses with one matrix alone on the chip, in each way to map it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pcmesh.analysis.mapping_choice.candidates import Candidate, Trial, losses_alone
from pcmesh.deployed import ChipModel
from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.files.artefact import check
from pcmesh.files.cache import ResultCache
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding
from pcmesh.progress import Progress, quiet
from pcmesh.speech.front_ends.rnnt import rnnt_features
from pcmesh.speech.voices.spoken import held_out_speech
from pcmesh.studies.mappings.rnnt_mapper.ways import paper_ways, sizes, ways_of_first
from pcmesh.workloads.rnnt.listening.recognition import Recognised
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.decisions import decisions, divergence
from pcmesh.workloads.rnnt.on_chip.recipe import FIRST, NAMES, PRODUCTS, compile_rnnt
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run, network_digest
from pcmesh.workloads.rnnt.on_chip.speech import CALIBRATION_RECORDINGS
from pcmesh.workloads.rnnt.on_chip.store import Store
from pcmesh.workloads.rnnt.widths import RnntWidths


@dataclass(frozen=True)
class Losses:
    """Losses of single matrices.

    Attributes:
        of_chips: (matrix, way) -> nats per letter, one for each chip instance.
        vectors: matrix -> vectors for each utterance, of software's own course.
    """

    of_chips: Mapping[tuple[str, str], tuple[float, ...]]
    vectors: Mapping[str, float]

    def candidates(self, widths: RnntWidths, chip: ChipSpec) -> list[Candidate]:
        """Return every way of every matrix of a network of some width, with the losses that were measured.

        Raises:
            VerificationError: no way of a matrix was measured.
        """
        mean = {key: sum(values) / len(values) for key, values in self.of_chips.items()}
        found = sizes(widths, chip, self.vectors)
        known = [replace(one, loss=mean[one.layer, one.way]) for one in found if (one.layer, one.way) in mean]
        for name in dict.fromkeys(one.layer for one in found):
            ways = ", ".join(one.way for one in found if one.layer == name)
            check(any(one.layer == name for one in known), f"{name}: no loss was measured in any of its ways ({ways})")
        return known


def validation_recordings(count: int, seed: int) -> Recordings:
    """Return sentences of the validation split behind those that chips are calibrated on: no test hears them."""
    spoken = held_out_speech("validation", CALIBRATION_RECORDINGS + count, seed)[CALIBRATION_RECORDINGS:]
    names = tuple(f"validation/{number}" for number in range(len(spoken)))
    return Recordings(names, tuple(rnnt_features(torch.from_numpy(one.wave)) for one in spoken))


def measure_losses(
    network: RnntNetwork,
    chip: ChipSpec,
    recordings: Recordings,
    training: Sequence[Tensor],
    chips: int,
    folder: Path,
    report: Progress,
    seed: int = 0,
) -> Losses:
    """Measure every matrix in every way alone on chip instances; what was measured before is taken from the folder.

    Args:
        network: in evaluation mode.
        chip: the kind of chip.
        recordings: what is heard.
        training: features (T, F) to calibrate on.
        chips: chip instances.
        folder: of finished losses and intermediate results.
        report: is told the progress.
        seed: of the chips.
    """
    key = (network_digest(network), recordings.digest(), chip.model_dump(mode="json"), seed)
    kept, store = ResultCache(folder, key), Store(folder / "work")
    base = compile_rnnt(network, chip, training, seed=seed, mesh=False)
    software = Run(base, frozenset(), store)
    written = software.recognise(recordings, quiet)
    wanted = decisions(software, recordings, written, quiet)

    def loss(single: ChipModel) -> float:
        matrices = frozenset(NAMES[product] for product in single.only or ())
        return divergence(decisions(Run(single, matrices, store), recordings, written, quiet), wanted, written)

    found = losses_alone(
        base,
        list(trials(network.widths, chip)),
        loss,
        chips,
        kept=kept,
        report=report,
        programmed=lambda *_: store.clear(),
    )
    store.clear()
    of_chips = {(NAMES[product], way): values for (product, way), values in found.items()}
    return Losses(of_chips, vectors_of(paper_ways(network.widths, chip), written))


def vectors_of(names: Iterable[str], written: Sequence[Recognised]) -> dict[str, float]:
    """Return how many vectors each matrix gets for an utterance: one a frame, a pair of frames, or a letter."""
    count = len(written)
    frames = sum(one.feature_frames for one in written) / count
    stacked = sum(one.encoder_frames for one in written) / count
    letters = sum(one.decoder_steps for one in written) / count
    first = ("enc-lstm0", "enc-lstm1")
    return {n: frames if n.startswith(first) else letters if n.startswith("dec") else stacked for n in names}


def trials(widths: RnntWidths, chip: ChipSpec) -> Iterator[Trial]:
    """Yield products that are programmed side by side: all in one encoding, then Enc-LSTM0 Wx in its other ways."""
    for encoding in Encoding:
        yield dict.fromkeys(PRODUCTS.values(), ProductOptions(encoding=encoding))
    for way in ways_of_first(widths, chip):
        if way.more_rows:
            yield {PRODUCTS[FIRST]: way}
