"""Whole mappings of the RNN-T on chip instances: word errors, tiles, energy of an utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from pcmesh.analysis.front import Point
from pcmesh.analysis.word_errors import word_errors
from pcmesh.deployed import ChipModel
from pcmesh.deployed.chip.power import power_tests
from pcmesh.deployed.choices.options import ProductOptions, product_options
from pcmesh.files.cache import ResultCache
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding
from pcmesh.performance import DataSet, TimeOptions
from pcmesh.performance.costs import load_costs
from pcmesh.performance.energy import run_energy
from pcmesh.progress import Progress, quiet
from pcmesh.speech.transcripts import to_text
from pcmesh.studies.mappings.rnnt_mapper.ways import Ways
from pcmesh.workloads.rnnt.compiled.footprint import plan_rnnt
from pcmesh.workloads.rnnt.compiled.performance import time_rnnt
from pcmesh.workloads.rnnt.listening.recognition import Recognised
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.recipe import compile_rnnt, options_of
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run, network_digest
from pcmesh.workloads.rnnt.on_chip.store import Store


@dataclass(frozen=True)
class Bench:
    """Where mappings are measured; what was measured before is taken from the folder.

    Attributes:
        network: in evaluation mode.
        chip: the kind of chip.
        recordings, said: what is heard, and what is said in it.
        training: features (T, F) to calibrate on.
        chips: chip instances.
        folder: of finished results and intermediate ones.
        report: is told the progress.
        seed: of the chips.
    """

    network: RnntNetwork
    chip: ChipSpec
    recordings: Recordings
    said: Sequence[str]
    training: Sequence[Tensor]
    chips: int
    folder: Path
    report: Progress
    seed: int = 0

    def measure(self, name: str, ways: Ways, marks: tuple[str, ...] = ()) -> Point:
        """Return a mapping's tiles, energy of an utterance, and word error rate on each chip instance.

        Raises:
            CapacityError: it does not fit.
        """
        key = (network_digest(self.network), self.recordings.digest(), self.chip.model_dump(mode="json"), self.seed)
        cache = ResultCache(self.folder / "whole", (*key, dict(ways)))
        sizes = ("tiles", "energy_j")
        needed = {number: (f"wer {number}", *(sizes if number == 0 else ())) for number in range(self.chips)}
        missing = [number for number, keys in needed.items() if any(cache.get(key) is None for key in keys)]
        options = {matrix: product_options(way, Encoding.AB) for matrix, way in ways.items()}
        base = self._compiled(options) if missing else None
        store = Store(self.folder / "work")
        for number in missing:
            assert base is not None
            run = Run(base if number == 0 else base.on(number=number), frozenset(ways), store)
            written = run.recognise(self.recordings, self._named(f"{name}, chip {number + 1} of {self.chips}"))
            store.clear()
            if number == 0:
                cache.put("tiles", len(base.program.mapping.tiles))
                cache.put("energy_j", energy_of(self.network, self.chip, options, written, self.seed))
            cache.put(f"wer {number}", word_errors(self.said, [to_text(one.labels) for one in written]).rate)
        errors = tuple(float(cache.measured(f"wer {number}")) for number in range(self.chips))
        tiles, energy_j = (cache.measured(key) for key in sizes)
        return Point(name, dict(ways), int(tiles), float(energy_j), errors, marks)

    def _compiled(self, options: Mapping[str, ProductOptions]) -> ChipModel:
        return compile_rnnt(self.network, self.chip, self.training, ways=options, seed=self.seed, mesh=False)

    def _named(self, stage: str) -> Progress:
        return lambda _, done, total: self.report(stage, done, total)

    def software(self) -> float:
        """Return the word error rate in software."""
        store = Store(self.folder / "work")
        written = Run(self._compiled({}), frozenset(), store).recognise(self.recordings, quiet)
        store.clear()
        return word_errors(self.said, [to_text(one.labels) for one in written]).rate


def energy_of(
    network: RnntNetwork,
    chip: ChipSpec,
    options: Mapping[str, ProductOptions],
    written: Sequence[Recognised],
    seed: int,
) -> float:
    """Return the energy of an utterance, J, by the performance model: this mapping's tests of power, these letters."""
    compiled = plan_rnnt(network.widths, chip, options_of(network.widths, chip, options))
    letters = [np.bincount(np.array(one.letter_frames, dtype=int), minlength=one.encoder_frames) for one in written]
    frames = np.array([one.feature_frames for one in written], dtype=np.int64)
    data = DataSet(frames=frames, audio_s=0.0, letters=np.concatenate(letters).astype(np.int64))
    run = time_rnnt(compiled, network.widths, data, TimeOptions())
    activity = power_tests({"mapping": compiled}, seed, quiet)["mapping"]
    return run_energy(run, activity, load_costs()).total / len(written)
