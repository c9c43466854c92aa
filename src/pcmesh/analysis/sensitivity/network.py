"""Sensitivity of a network on a task: which of its matrices must be exact, and how many bits a chip is worth."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pcmesh.analysis.batches import naming_batch
from pcmesh.analysis.judge import ACCURACY, Judge
from pcmesh.analysis.ready import instance, ready
from pcmesh.analysis.sensitivity.alone import losses_alone
from pcmesh.analysis.sensitivity.curves import Sensitivity, sensitivity
from pcmesh.analysis.sensitivity.effective_bits import bits_of_programming
from pcmesh.analysis.sensitivity.findings import findings
from pcmesh.analysis.sensitivity.float_network import FloatNetwork
from pcmesh.analysis.sensitivity.groups import NETWORK, groups_of, layers_of
from pcmesh.analysis.sensitivity.quantisation import WeightPart
from pcmesh.analysis.sensitivity.ranking import rankings
from pcmesh.analysis.task import Task
from pcmesh.checks import Count, CountOrNone, Positive, checked
from pcmesh.deployed.model import ChipModel
from pcmesh.errors import InputError
from pcmesh.files.cache import ResultCache, fingerprint
from pcmesh.hardware import ChipSpec
from pcmesh.network.operations.constants import fingerprint as digest
from pcmesh.progress import Progress, quiet

BITS = tuple(step / 2 for step in range(4, 17))
"""2 to 8 bits in steps of a half."""


@checked
def network_sensitivity(
    model: ChipModel | nn.Module,
    task: Task | Iterable[Any],
    *,
    bits: Sequence[Positive] = BITS,
    chips: CountOrNone = 3,
    alone: bool = False,
    workers: Count = 1,
    folder: Path | None = None,
    fresh: bool = False,
    report: Progress = quiet,
) -> dict[str, Any]:
    """Return the curves, thresholds, effective bits and advice; docs/sensitivity.md describes the keys.

    Args:
        model: the network on a chip, as `pcmesh.compile` gives it; its matrices on tiles are quantised. Another module
            is compiled first.
        task: what it is judged by; or batches as `evaluate` takes them.
        bits: to try.
        chips: chip instances whose precision is told, the model's own first; 0: programming errors stand in for them.
        alone: whether each layer alone is put on these chips, too: which one loses most, and do all chips agree?
        workers: processes.
        folder: where finished points and chips are kept.
        fresh: forget those.
        report: is told the stage, what is done of it, and how much there is.

    Raises:
        InputError: there are no batches, or labels do not fit the network's output.
    """
    judged = Task.of(task)
    model = ready(model, judged)
    network = FloatNetwork.of(model)
    _check_workers(network, workers)
    judge, outputs = judge_of(network, judged)
    cache = ResultCache(folder, _identity(model, network, judge, outputs), fresh)
    found = curves_of(model, network, judge, bits, cache=cache, workers=workers, report=report)
    accuracies = [_chip_accuracy(model, number, judge, cache) for number in _told(report, "chips", chips)]
    layers, chip = layers_of(model), model.program.chip
    lost = losses_alone(model, judged, judge, layers, chips, cache, report) if alone else {}
    return {
        "network": model.program.choice.name,
        "metric": judge.score.name,
        "measure": {"name": judge.score.name, "unit": judge.score.unit, "better": judge.score.better},
        **findings(
            found,
            NETWORK,
            list(layers),
            _rows_to_expand(model),
            2 * chip.tile.rows,
            accuracies,
            lambda: _programming_bits(network, chip),
        ),
        "chip_ranking": rankings(lost),
        "n_samples": len(found.baseline.right),
        "data": {"described": judged.data, "labels": judge.score is ACCURACY},
        "seed": model.instance.seed,
        "configuration": {"chip": chip.name, "bits": list(bits), "chips": chips, "age_s": model.age_s},
    }


def judge_of(network: FloatNetwork, task: Task) -> tuple[Judge, list[Any]]:
    """Return what judges a network on a task, and what it gives in software; InputError names a batch that is wrong."""
    batches, outputs = task.judged(), []
    for number, batch in enumerate(batches):
        with naming_batch(number):
            outputs.append(network(batch.inputs))
    return Judge.of(batches, outputs, task.score), outputs


def curves_of(
    model: ChipModel, network: FloatNetwork, judge: Judge, bits: Sequence[float], **options: Any
) -> Sensitivity:
    """Return the curves of a network, its blocks and layers; options as `curves.sensitivity` takes them."""
    groups = {
        name: tuple(WeightPart(network.parameter_of(product)) for product in products)
        for name, products in groups_of(layers_of(model)).items()
    }
    return sensitivity(network, groups, judge, bits, **options)


def _rows_to_expand(model: ChipModel) -> dict[str, int]:
    """Return the rows of layers whose inputs come from the digital side, so that they can be expanded."""
    chained = {name for chain in model.program.captured.chains for name in chain.products[1:]}
    sizes = {product.name: product.rows for product in model.program.products}
    single = {name: products[0] for name, products in layers_of(model).items() if len(products) == 1}
    return {name: sizes[product] for name, product in single.items() if product not in chained}


def _told(report: Progress, stage: str, count: int) -> Iterator[int]:
    for number in range(count):
        report(stage, number, count)
        yield number
        report(stage, number + 1, count)


def _chip_accuracy(model: ChipModel, number: int, judge: Judge, cache: ResultCache) -> float:
    kept = cache.get(f"chip {number}")
    if kept is None:
        kept = judge.of_chip(instance(model, number)).accuracy
        cache.put(f"chip {number}", kept)
    return float(kept)


def _programming_bits(network: FloatNetwork, chip: ChipSpec) -> float:
    """Return what programming is worth for the largest matrix of a network."""
    largest = max(network.matrices, key=Tensor.numel)
    return bits_of_programming(chip, largest[: chip.tile.rows, : chip.tile.columns].contiguous())


def _identity(model: ChipModel, network: FloatNetwork, judge: Judge, outputs: Sequence[Any]) -> str:
    """Return what stands for all that the points depend on: matrices, data, and what the network makes of it."""
    program = model.program
    data = pytree.tree_leaves([*(batch.inputs for batch in judge.batches), *outputs, *judge.wanted])
    parts = [*network.matrices, *data]
    return fingerprint(
        [digest(part).hex() if isinstance(part, Tensor) else repr(part) for part in parts],
        [judge.score.name, [list(batch.names or ()) for batch in judge.batches]],
        [product.name for product in program.products],
        program.chip.model_dump(mode="json"),
        [model.instance.seed, model.instance.number, program.choice.clipped_share, model.age_s],
        {name: str(option) for name, option in program.choice.options.items()},
    )


def _check_workers(network: FloatNetwork, workers: int) -> None:
    """Refuse several processes for a network of whose own code they could not load."""
    if workers == 1 or network.captured.program is not None:
        return
    try:
        pickle.dumps(network)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(f"the network cannot be sent to other processes ({error})", "Use one worker") from error
