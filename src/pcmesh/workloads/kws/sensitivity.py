"""Sensitivity of the keyword network, and the effective precision of the chips that it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pcmesh.analysis.accuracy import accuracy
from pcmesh.analysis.sensitivity.curves import BITS, Sensitivity, sensitivity
from pcmesh.analysis.sensitivity.findings import findings
from pcmesh.analysis.sensitivity.quantisation import WeightPart
from pcmesh.analysis.sensitivity.ranking import rankings
from pcmesh.analysis.sensitivity.scores import Scores
from pcmesh.files.cache import ResultCache, fingerprint
from pcmesh.progress import Progress
from pcmesh.workloads.kws.experiment import spot
from pcmesh.workloads.kws.layers_alone import losses_alone
from pcmesh.workloads.kws.network import LAYERS, KeywordNetwork
from pcmesh.workloads.kws.prepare import KwsOptions, Prepared, prepare

NETWORK = "network"
GROUPS = {
    NETWORK: tuple(WeightPart(f"{name}.weight") for name in LAYERS),
    **{name: (WeightPart(f"{name}.weight"),) for name in LAYERS},
}


@dataclass(frozen=True)
class KeywordScores:
    """Counts words recognised.

    Attributes:
        inputs: (B, 1024) float32, what goes into the first layer.
        labels: (B,) int64.
    """

    inputs: Tensor
    labels: Tensor

    def __call__(self, network: KeywordNetwork) -> Scores:
        """Return, word by word, whether it is recognised."""
        hidden = torch.relu(network.layer1(torch.relu(network.layer0(self.inputs))))
        right = network.layer2(hidden).argmax(1) == self.labels
        return Scores(tuple(right.double().tolist()), (1.0,) * len(right))


def kws_sensitivity(
    options: KwsOptions,
    progress: Progress,
    bits: Sequence[float] = BITS,
    folder: Path | None = None,
    fresh: bool = False,
    workers: int = 1,
) -> dict[str, Any]:
    """Return the curves, thresholds, effective bits and advice; docs/sensitivity.md describes the keys.

    Args:
        options: speech, weights, and the chips whose precision is told.
        progress: is told the stage.
        bits: to try.
        folder: where finished points and chips are kept.
        fresh: forget those.
        workers: processes.

    Raises:
        InputError, ConfigurationError: as `prepare`.
    """
    cache = ResultCache(folder, asdict(options) | {"data": _content(options)}, fresh)
    prepared = prepare(options, progress)
    evaluate = KeywordScores(prepared.inputs, prepared.speech.labels)
    found = sensitivity(prepared.network, GROUPS, evaluate, bits, cache=cache, workers=workers, report=progress)
    chips = [_chip_accuracy(prepared, number, cache, progress) for number in range(options.chips)]
    alone = losses_alone(prepared, options.chips, cache, progress)
    return _result(prepared, found, chips) | {"chip_ranking": rankings(alone)}


def _content(options: KwsOptions) -> str:
    """Return what stands for the files that a run reads: names, sizes and times."""
    paths = [path for path in (options.data, options.weights, Path(options.chip)) if path is not None]
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
    return fingerprint([(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()])


def _chip_accuracy(prepared: Prepared, number: int, cache: ResultCache, progress: Progress) -> float:
    progress("chips", number, prepared.options.chips)
    kept = cache.get(f"chip {number}")
    if kept is None:
        run = spot(prepared, prepared.on_chip(number).at(prepared.options.time_s))
        kept = accuracy(run.predicted, prepared.speech.labels)
        cache.put(f"chip {number}", kept)
    progress("chips", number + 1, prepared.options.chips)
    return float(kept)


def _result(prepared: Prepared, found: Sensitivity, chips: list[float]) -> dict[str, Any]:
    options, chip = prepared.options, prepared.chip
    rows = {LAYERS[0]: prepared.inputs.shape[1]}  # the other layers get durations from tiles
    return {
        "network": "kws",
        "metric": "accuracy",
        **findings(found, NETWORK, LAYERS, rows, 2 * chip.tile.rows, chips),
        "n_utterances": len(prepared.speech),
        "data": {"kind": prepared.speech.kind, "source": prepared.speech.source},
        "seed": options.seed,
        "configuration": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(options).items()},
    }
