"""What every way to map a layer costs: its loss with that layer alone on chip instances, its tiles, its energy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from pcmesh.analysis.batches import call, naming_batch, software_output
from pcmesh.analysis.mapping_choice.losses import Loss, output_error
from pcmesh.analysis.ready import instance, ready
from pcmesh.analysis.task import Task
from pcmesh.checks import Count, checked
from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.deployed.figures.energy import joule
from pcmesh.deployed.figures.footprint import model_figures
from pcmesh.deployed.model import ChipModel
from pcmesh.files.cache import ResultCache
from pcmesh.mapping import Encoding
from pcmesh.network.operations.digital import MULTIPLY_ADD
from pcmesh.network.products import MatrixProduct
from pcmesh.progress import Progress, quiet

DIGITAL = "digital"
NOT_MEASURED = math.nan
"""The loss of a way that was sized but not tried: no choice takes it for a loss."""
COPIES = (2, 4)

Trial = Mapping[str, ProductOptions]
"""Layers that are programmed side by side, and how each is mapped."""


@dataclass(frozen=True)
class Candidate:
    """One way to run one layer.

    Attributes:
        layer, way: the matrix, and how it is mapped: a pin of `pcmesh.compile`.
        loss: what the network loses with this layer alone on the chip, mean over the chip instances.
        tiles: tiles that it takes.
        steps: time steps of its vectors for one sample.
        energy_j: energy of them, digital work for its rows included.
    """

    layer: str
    way: str
    loss: float
    tiles: int
    steps: float
    energy_j: float = 0.0


@checked
def candidates(
    model: ChipModel | nn.Module,
    task: Task | Iterable[Any],
    encodings: Sequence[Encoding | Literal["2-PCM", "4-PCM", "AB"]] = tuple(Encoding),
    digital: bool = False,
    loss: Loss = output_error,
    *,
    more_rows: bool = True,
    chips: Count = 1,
    report: Progress = quiet,
) -> tuple[Candidate, ...]:
    """Measure every layer in every way, alone on the chip, the other layers in software.

    Args:
        model: the network on a chip instance; another module is compiled first.
        task: what it is judged by; or batches as `evaluate` takes them. Its probes are compared with software.
        encodings: those to try.
        digital: whether a layer may stay digital (no loss, no tile, but every multiply-add counts).
        loss: outputs on the chip, outputs in software -> what is lost.
        more_rows: whether layers with few inputs are tried with copies of their rows and with weight expansion too.
        chips: chip instances measured; the loss is their mean.
        report: is told the progress.
    """
    judged = Task.of(task)
    model, batches = ready(model, judged), judged.probing()
    trials = list(_trials(model, [Encoding(name) for name in encodings], more_rows))
    wanted = [call(model.software, batch) for batch in batches]
    for number, output in enumerate(wanted):
        with naming_batch(number):
            software_output(output)
    sizes: dict[tuple[str, str], Candidate] = {}

    def size(chip: ChipModel, options: Trial) -> None:
        sizes.update({(one.layer, one.way): one for one in _sizes(chip, options)})

    def lost(single: ChipModel) -> float:
        found = [loss(call(single, batch), right) for batch, right in zip(batches, wanted, strict=True)]
        return sum(found) / len(found)

    losses = losses_alone(model, trials, lost, chips, report=report, programmed=size)
    found = [replace(one, loss=sum(losses[key]) / chips) for key, one in sizes.items()]
    return (*found, *(_digital(model, product) for product in model.program.captured.products if digital))


def losses_alone(
    model: ChipModel,
    trials: Sequence[Trial],
    loss: Callable[[ChipModel], float],
    chips: int,
    *,
    kept: ResultCache | None = None,
    report: Progress = quiet,
    programmed: Callable[[ChipModel, Trial], None] = lambda *_: None,
) -> dict[tuple[str, str], tuple[float, ...]]:
    """Measure what the network loses with each layer alone on chip instances: (layer, way) -> a loss for each.

    Args:
        model: the network on the first instance.
        trials: layers that are programmed side by side, each with its way.
        loss: the network with one layer on the chip -> what is lost.
        chips: chip instances.
        kept: what was measured before, and is not again.
        report: is told the progress.
        programmed: gets each chip as it is programmed.

    Raises:
        CapacityError: a layer does not fit.
        VerificationError: a loss was not measured.
    """
    kept = ResultCache(None, None) if kept is None else kept
    for number in range(chips):
        for done, options in enumerate(trials):
            report("layers alone on the chip", number * len(trials) + done, chips * len(trials))
            keys = {name: f"{name} {option.way} {number}" for name, option in options.items()}
            if all(kept.get(key) is not None for key in keys.values()):
                continue
            chip = instance(model, number, options=options, only=options)
            programmed(chip, options)
            for name, key in keys.items():
                if kept.get(key) is None:
                    kept.put(key, loss(ChipModel(chip.program, chip.side, model.noisy, frozenset({name}))))
    report("layers alone on the chip", chips * len(trials), chips * len(trials))
    pairs = [(name, option.way) for options in trials for name, option in options.items()]
    return {(name, way): tuple(float(kept.measured(f"{name} {way} {n}")) for n in range(chips)) for name, way in pairs}


def ways_with_more_rows(inputs: int, tile_rows: int) -> tuple[dict[str, int], ...]:
    """Return the copies and expansions worth a try: what two tiles under one bank of capacitors hold."""
    copies = [{"copies": count} for count in COPIES if inputs * count <= 2 * tile_rows]
    expansions = [{"expand": rows} for rows in (tile_rows, 2 * tile_rows) if inputs < rows]
    return (*copies, *expansions) if inputs < tile_rows else ()


def _trials(model: ChipModel, encodings: Sequence[Encoding], more_rows: bool) -> Iterator[Trial]:
    """Yield sets of layers with options that are programmed side by side."""
    now, tile_rows = model.program.choice.options, model.program.chip.tile.rows
    products = model.program.captured.products
    extra = {p.name: ways_with_more_rows(p.rows, tile_rows) if more_rows else () for p in products}
    for fields in (dict[str, int](), *_distinct(extra.values())):
        for encoding in encodings:
            change = {"encoding": encoding, "copies": 1, "expand": None, **fields}
            names = [p.name for p in products if not fields or fields in extra[p.name]]
            yield {name: now[name].model_copy(update=change) for name in names}


def _distinct(found: Any) -> list[dict[str, int]]:
    ways: list[dict[str, int]] = []
    for entry in (way for part in found for way in part):
        if entry not in ways:
            ways.append(entry)
    return ways


def _sizes(chip: ChipModel, options: Trial) -> Iterator[Candidate]:
    for size in model_figures(chip.program).products:
        tiles, steps = size.tiles + size.shared, size.steps * size.vectors
        yield Candidate(size.name, options[size.name].way, NOT_MEASURED, tiles, steps, size.energy_j)


def _digital(model: ChipModel, product: MatrixProduct) -> Candidate:
    vectors = model.program.frames.vectors[product.name]
    work = MULTIPLY_ADD.operations * vectors * product.weight.numel()
    return Candidate(product.name, DIGITAL, 0.0, 0, 0.0, joule({"matrix_operations": work}))
