"""Sensitivity of a user's network: which of its matrices must be exact, and how many bits a chip is worth."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree

from pcmesh.analysis.batches import batches_of, call, first_output
from pcmesh.analysis.sensitivity.curves import sensitivity
from pcmesh.analysis.sensitivity.effective_bits import bits_of_programming
from pcmesh.analysis.sensitivity.findings import findings
from pcmesh.analysis.sensitivity.float_network import FloatNetwork
from pcmesh.analysis.sensitivity.output_scores import OutputScores
from pcmesh.analysis.sensitivity.quantisation import WeightPart
from pcmesh.checks import Count, CountOrNone, Positive, checked
from pcmesh.deployed.model import ChipModel
from pcmesh.errors import InputError
from pcmesh.files.cache import ResultCache, fingerprint
from pcmesh.hardware import ChipSpec
from pcmesh.network.operations.constants import fingerprint as digest
from pcmesh.progress import Progress, quiet

NETWORK = "network"
BITS = tuple(step / 2 for step in range(4, 17))
"""2 to 8 bits in steps of a half."""


@checked
def network_sensitivity(
    model: ChipModel,
    batches: Iterable[Any],
    *,
    bits: Sequence[Positive] = BITS,
    chips: CountOrNone = 3,
    workers: Count = 1,
    folder: Path | None = None,
    fresh: bool = False,
    report: Progress = quiet,
) -> dict[str, Any]:
    """Return the curves, thresholds, effective bits and advice; docs/sensitivity.md describes the keys.

    Args:
        model: the network on a chip, as `pcmesh.compile` gives it; its matrices on tiles are quantised.
        batches: inputs, or pairs (inputs, labels), as `evaluate` takes them.
        bits: to try.
        chips: chip instances whose precision is told, the model's own first; 0: programming errors stand in for them.
        workers: processes.
        folder: where finished points and chips are kept.
        fresh: forget those.
        report: is told the stage, what is done of it, and how much there is.

    Raises:
        InputError: there are no batches, or labels do not fit the network's output.
    """
    network = FloatNetwork.of(model)
    _check_workers(network, workers)
    data = list(batches_of(batches))
    if not data:
        raise InputError("there are no batches to evaluate", "Yield inputs, or pairs of inputs and labels")
    scores = OutputScores.of(data, network)
    cache = ResultCache(folder, _identity(model, network, scores), fresh)
    layers = layers_of(model)
    groups = {
        name: tuple(WeightPart(network.parameter_of(product)) for product in products)
        for name, products in groups_of(layers).items()
    }
    found = sensitivity(network, groups, scores, bits, cache=cache, workers=workers, report=report)
    accuracies = [_chip_accuracy(model, number, scores, cache) for number in _told(report, "chips", chips)]
    sizes = {product.name: product.rows for product in model.deployment.products}
    rows = {name: sizes[products[0]] for name, products in layers.items() if len(products) == 1}
    chip = model.deployment.chip
    return {
        "network": model.deployment.choice.name,
        "metric": scores.metric,
        **findings(
            found, NETWORK, list(layers), rows, 2 * chip.tile.rows, accuracies, lambda: _programming_bits(network, chip)
        ),
        "n_samples": len(found.baseline.right),
        "data": {"kind": "own", "labels": scores.metric == "accuracy"},
        "seed": model.deployment.instance.seed,
        "configuration": {"chip": chip.name, "bits": list(bits), "chips": chips},
    }


def layers_of(model: ChipModel) -> dict[str, tuple[str, ...]]:
    """Return the layers of a network: name -> matrices; groups of a convolution that fill several are one layer."""
    found: dict[str, tuple[str, ...]] = {}
    for product in model.deployment.products:
        name = product.name.split("[")[0]
        found[name] = (*found.get(name, ()), product.name)
    return found


def groups_of(layers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return what is quantised together: the whole network, blocks and modules of several layers, each layer."""
    blocks: dict[str, list[str]] = {}
    paths = {name: name.split(".") for name in layers}
    shared = _shared([path[:-1] for path in paths.values()])
    for name, path in paths.items():
        for depth in _depths(path, shared):
            blocks.setdefault(".".join(path[:depth]), []).append(name)
    several = {block: names for block, names in blocks.items() if 1 < len(names) < len(layers)}
    joined = {block: tuple(product for name in names for product in layers[name]) for block, names in several.items()}
    whole = {NETWORK: tuple(product for products in layers.values() for product in products)}
    return whole | joined | layers


def _shared(paths: list[list[str]]) -> int:
    """Return how many components all paths begin with."""
    length = 0
    while all(len(path) > length and path[length] == paths[0][length] for path in paths):
        length += 1
    return length


def _depths(path: list[str], shared: int) -> set[int]:
    """Return lengths of the names of a layer's blocks: at the top, one of a numbered list there, its own module."""
    found = {shared + 1, len(path) - 1}
    if len(path) > shared + 2 and path[shared + 1].isdigit():
        found.add(shared + 2)
    return {depth for depth in found if shared < depth < len(path)}


def _told(report: Progress, stage: str, count: int) -> Iterator[int]:
    for number in range(count):
        report(stage, number, count)
        yield number
        report(stage, number + 1, count)


def _chip_accuracy(model: ChipModel, number: int, scores: OutputScores, cache: ResultCache) -> float:
    kept = cache.get(f"chip {number}")
    if kept is None:
        chip = model if number == 0 else model.on(number=model.deployment.instance.number + number)
        kept = scores(lambda inputs: call(chip, inputs)).accuracy
        cache.put(f"chip {number}", kept)
    return float(kept)


def _programming_bits(network: FloatNetwork, chip: ChipSpec) -> float:
    """Return what programming is worth for the largest matrix of a network."""
    largest = max(network.matrices, key=Tensor.numel)
    return bits_of_programming(chip, largest[: chip.tile.rows, : chip.tile.columns].contiguous())


def _identity(model: ChipModel, network: FloatNetwork, scores: OutputScores) -> str:
    """Return what stands for all that the points depend on: matrices, data, and what the network makes of it."""
    deployment = model.deployment
    inputs = [leaf for leaf in pytree.tree_leaves(scores.inputs) if isinstance(leaf, Tensor)]
    outputs = [first_output(network(entry)) for entry in scores.inputs]
    tensors = [*network.matrices, *inputs, *outputs, *scores.wanted]
    return fingerprint(
        [digest(tensor).hex() for tensor in tensors],
        [product.name for product in deployment.products],
        deployment.chip.model_dump(mode="json"),
        [deployment.instance.seed, deployment.instance.number, deployment.choice.clipped_share],
        {name: str(option) for name, option in deployment.choice.options.items()},
    )


def _check_workers(network: FloatNetwork, workers: int) -> None:
    """Refuse several processes for a network of whose own code they could not load."""
    if workers == 1 or network.captured.program is not None:
        return
    try:
        pickle.dumps(network)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(f"the network cannot be sent to other processes ({error})", "Use one worker") from error
