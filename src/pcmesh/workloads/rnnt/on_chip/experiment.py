"""Word error rates with layers on simulated chips: all of them, each alone, or one more at a time (paper: Fig. 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from pcmesh.analysis.accuracy import interval_95
from pcmesh.analysis.word_errors import WordErrors, word_errors
from pcmesh.deployed import ChipModel
from pcmesh.errors import ConfigurationError
from pcmesh.files.cache import fingerprint
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.mapping import Encoding
from pcmesh.programming.quality import PairQuality, overall, programming_quality
from pcmesh.progress import Progress
from pcmesh.speech.transcripts import to_text
from pcmesh.versions import versions
from pcmesh.workloads.rnnt.listening.recognition import Recognised
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.mac import layer_errors
from pcmesh.workloads.rnnt.on_chip.recipe import LAYERS, NAMES, another_chip, compile_rnnt, paper_ways
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run, network_digest
from pcmesh.workloads.rnnt.on_chip.store import Store

MAP_SIZE, MAPS_PER_CHIP = 32, 4

Mode = Literal["together", "each", "cumulative", "each and cumulative"]


@dataclass(frozen=True, kw_only=True)
class ChipOptions:
    """What is on the chip, and which chip.

    Attributes:
        layers: names from `LAYERS`.
        mode: all of them together; each alone; cumulative (the first, the first two, ..); each alone, then cumulative.
        expand: rows of the weight expansion of Enc-LSTM0 Wx; None: copies.
        copies: of the features' rows, without expansion.
        encoding: of all layers; None: the paper's choice for each.
        encodings: of single matrices (`enc-lstm2-wx`), before `encoding`.
        time_s: age since programming and calibration.
        later_s: ages at which the same chips run all layers together, too.
        expect_drift: whether products are enlarged by what drift is expected to have taken by that age.
        recalibrate: whether the read-out of the columns is fitted anew at that age.
        chips: number of chip instances.
        seed: of fabrication, programming, drift and read noise.
        chip: preset or TOML file.
        scale_columns: whether each column is written with its own gain, undone by its read-out.
        mesh: whether the wires' effect on pulses is part of it.
        work: folder of intermediate results; a run that was cut off goes on from it.
    """

    layers: tuple[str, ...] = LAYERS
    mode: Mode = "together"
    expand: int | None = None
    copies: int = 4
    encoding: Encoding | None = None
    encodings: Mapping[str, Encoding] = field(default_factory=dict)
    time_s: float = 0.0
    later_s: tuple[float, ...] = ()
    expect_drift: bool = False
    recalibrate: bool = False
    chips: int = 5
    seed: int = 0
    chip: str = "nature2023"
    scale_columns: bool = True
    mesh: bool = True
    work: Path = Path("runs/rnnt/work")

    def timed(self) -> list[tuple[tuple[str, ...], float]]:
        """Return all conditions with the chips' age in each."""
        return [(one, self.time_s) for one in self.conditions()] + [(self.layers, time_s) for time_s in self.later_s]

    def conditions(self) -> list[tuple[str, ...]]:
        """Return the sets of layers that are on the chip, one after the other."""
        if self.mode == "together":
            return [self.layers]
        alone = [(layer,) for layer in self.layers] if "each" in self.mode else []
        return alone + [self.layers[: n + 1] for n in range(len(self.layers)) if "cumulative" in self.mode]


def choose_layers(text: str) -> tuple[str, ...]:
    """Return the layers of a list such as `enc-lstm0,enc-fc`, in the network's order; `all` for all.

    Raises:
        ConfigurationError: an unknown name.
    """
    if text == "all":
        return LAYERS
    names = {name.strip() for name in text.split(",")}
    unknown = sorted(names - set(LAYERS))
    if unknown:
        raise ConfigurationError(f"no layer {unknown[0]!r} can be on the chip", f"One of: all, {', '.join(LAYERS)}")
    return tuple(name for name in LAYERS if name in names)


def choose_encodings(texts: Sequence[str]) -> dict[str, Encoding]:
    """Return the encodings of `MATRIX=ENCODING` texts such as `enc-lstm2-wx=AB`.

    Raises:
        ConfigurationError: a text is none.
    """
    found = {}
    for text in texts:
        matrix, _, encoding = text.partition("=")
        if encoding not in list(Encoding):
            raise ConfigurationError(
                f"{text!r} gives no matrix an encoding", "Write enc-lstm2-wx=AB; encodings: AB, 4-PCM, 2-PCM"
            )
        found[matrix] = Encoding(encoding)
    return found


@dataclass(frozen=True)
class Outcome:
    """What one chip instance wrote under each condition, how much the texts surprised it, how well it was made."""

    written: list[list[Recognised]]
    surprise: list[float]
    analog_yield: float
    mean_weight_error: float
    programming: list[dict[str, Any]]
    layers: list[dict[str, Any]]


def evaluate_on_chip(
    network: RnntNetwork,
    recordings: Recordings,
    said: Sequence[str],
    training: Sequence[Tensor],
    options: ChipOptions,
    report: Progress,
    chip: ChipSpec | None = None,
) -> dict[str, Any]:
    """Transcribe recordings with layers on chip instances, and in software; docs/rnnt.md describes the result's keys.

    Args:
        network: in evaluation mode.
        recordings: at least one.
        said: their transcripts.
        training: features (T, F) of recordings to calibrate on.
        options: which layers, which chip.
        report: is told the progress.
        chip: another chip than the one that the options name.
    """
    store = Store(options.work / fingerprint(recordings.digest(), network_digest(network), repr(options)))
    first = compiled(network, load_chip(options.chip) if chip is None else chip, training, options)
    in_software = Run(first, frozenset(), store)
    software = in_software.recognise(recordings, _named(report, "software"))
    expected = in_software.surprise(recordings, said, _named(report, "software"))
    outcomes = []
    for number in range(options.chips):
        made = first if number == 0 else another_chip(first, number)
        quality = _of_layers(programming_quality(made.side.chip.network), options.layers)
        programmed = (*overall(quality), _programming(made, quality) if number == 0 else [])
        ages = {time_s: _aged(made, time_s, options) for time_s in (options.time_s, *options.later_s)}
        named = _named(report, f"chip {number + 1} of {options.chips}")
        runs = [Run(ages[time_s], frozenset(layers), store) for layers, time_s in options.timed()]
        written = [run.recognise(recordings, named) for run in runs]
        surprise = [run.surprise(recordings, said, named) for run in runs]
        errors = layer_errors(ages[options.time_s], recordings.features, options.layers)
        outcomes.append(Outcome(written, surprise, *programmed, errors))
    store.clear()
    return _result(network, recordings, said, software, expected, outcomes, options)


def compiled(network: RnntNetwork, chip: ChipSpec, training: Sequence[Tensor], options: ChipOptions) -> ChipModel:
    """Return the layers of the options on the first chip instance, mapped as the options say."""
    ways = paper_ways(
        network.widths,
        chip,
        expand=options.expand,
        copies=options.copies,
        encoding=options.encoding,
        encodings=options.encodings,
    )
    return compile_rnnt(
        network,
        chip,
        training,
        ways=ways,
        seed=options.seed,
        mesh=options.mesh,
        scale_columns=options.scale_columns,
        layers=options.layers,
    )


def _aged(model: ChipModel, time_s: float, options: ChipOptions) -> ChipModel:
    aged = model.at(time_s, options.expect_drift and not options.recalibrate)
    return aged.recalibrate() if options.recalibrate else aged


def _of_layers(quality: Sequence[PairQuality], layers: Sequence[str]) -> tuple[PairQuality, ...]:
    """Return the quality of the pairs that hold some layers, with the paper's names of the matrices."""
    named = [replace(pair, layer=NAMES[pair.layer]) for pair in quality]
    return tuple(pair for pair in named if pair.layer.removesuffix("-wx").removesuffix("-wh") in layers)


def _named(report: Progress, where: str) -> Progress:
    return lambda step, done, total: report(f"{where}: {step}", done, total)


def _result(
    network: RnntNetwork,
    recordings: Recordings,
    said: Sequence[str],
    software: list[Recognised],
    expected: float,
    outcomes: list[Outcome],
    options: ChipOptions,
) -> dict[str, Any]:
    base = _errors(said, software)
    conditions = []
    for position, (layers, time_s) in enumerate(options.timed()):
        found = [_errors(said, outcome.written[position]) for outcome in outcomes]
        surprise = [outcome.surprise[position] for outcome in outcomes]
        conditions.append(
            {
                "layers": list(layers),
                "time_s": time_s,
                **_rates([one.rate for one in found], base),
                "nats_per_letter": {"mean": sum(surprise) / len(surprise), "per_chip": surprise},
            }
        )
    last = outcomes[0].written[len(options.conditions()) - 1]
    return {
        "engine": "chip",
        "n_utterances": len(said),
        "words": base.words,
        "software": {"wer": base.rate, "word_errors": base.errors, **asdict(base), "nats_per_letter": expected},
        "conditions": conditions,
        "layers": _mean_layers([outcome.layers for outcome in outcomes]),
        "analog_yield": sum(one.analog_yield for one in outcomes) / len(outcomes),
        "mean_weight_error": sum(one.mean_weight_error for one in outcomes) / len(outcomes),
        "programming": outcomes[0].programming,
        "tiles": sum(layer["tiles"] for layer in outcomes[0].layers),
        "widths": network.widths.model_dump(),
        "time_since_programming_s": options.time_s,
        "seed": options.seed,
        "configuration": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(options).items()},
        "versions": versions(),
        "utterances": [
            {"file": name, "reference": text, "software": to_text(a.labels), "chip": to_text(b.labels)}
            for name, text, a, b in zip(recordings.names, said, software, last, strict=True)
        ],
    }


def _programming(model: ChipModel, quality: Sequence[PairQuality]) -> list[dict[str, Any]]:
    """Return the quality of every pair in use; the first of each chip with a map of their errors."""
    places, found = model.program.placement.places, []
    shown: Counter[int] = Counter()
    for pair in quality:
        die = places[pair.tile].chip
        shown[die] += 1
        entry = {"tile": pair.tile, "layer": pair.layer, "pair": pair.pair, "spread_1_99": pair.spread_1_99}
        entry |= pair.as_json(MAP_SIZE) if shown[die] <= MAPS_PER_CHIP else {}
        found.append(entry | {"chip": die + 1, "analog_yield": pair.analog_yield})
    return found


def _errors(said: Sequence[str], written: Sequence[Recognised]) -> WordErrors:
    return word_errors(said, [to_text(one.labels) for one in written])


def _rates(rates: list[float], base: WordErrors) -> dict[str, Any]:
    mean = sum(rates) / len(rates)
    return {
        "wer": {"mean": mean, "ci95": list(interval_95(rates)), "per_chip": rates},
        "increase": mean - base.rate,
        "accuracy_of_software": (1 - mean) / (1 - base.rate) if base.rate < 1 else None,
    }


def _mean_layers(per_chip: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return each layer's figures of the first chip, with the numbers averaged over the chips."""
    found = []
    for same in zip(*per_chip, strict=True):
        numbers = {k: sum(one[k] for one in same) / len(same) for k in ("mac_sigma", "mac_sigma_roi", "correlation")}
        found.append(same[0] | numbers)
    return found
