"""Each layer of the keyword network alone on chips, all others in software (as the paper's Fig. 5a for the RNN-T)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from pcmesh.cache import ResultCache
from pcmesh.compiled import CompiledNetwork
from pcmesh.deployed import bring_up
from pcmesh.evaluation.accuracy import accuracy
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.model import AnalogLayer, LayerGraph, Vector
from pcmesh.physics.fabrication import Instance
from pcmesh.pipeline import compile_network
from pcmesh.workloads.kws.graph import LAYERS, keyword_options
from pcmesh.workloads.kws.network import KeywordNetwork
from pcmesh.workloads.kws.prepare import Prepared, Progress

ACCURACY, CROSS_ENTROPY = "accuracy", "nats per word"

Product = Callable[[Tensor], Tensor]


def losses_alone(
    prepared: Prepared, chips: int, cache: ResultCache, progress: Progress
) -> dict[str, dict[str, list[float]]]:
    """Return measure -> layer -> what each chip loses against software with that layer alone on it.

    The layer takes numbers and gives numbers: pulses and codes at both ends, its read-out fitted on the calibration
    words. Accuracy is counted in words; the cross-entropy of the labels, in nats per word, varies less from chip to
    chip.

    Args:
        prepared: words and network.
        chips: instances.
        cache: keeps what a chip loses.
        progress: is told the chips done.
    """
    found: dict[str, dict[str, list[float]]] = {m: {n: [] for n in LAYERS} for m in (ACCURACY, CROSS_ENTROPY)}
    for number in range(chips):
        progress("layers alone", number, chips)
        lost = cache.get(f"layers alone {number}")
        if lost is None:
            lost = _lost(prepared, number)
            cache.put(f"layers alone {number}", lost)
        for measure, by_layer in lost.items():
            for name, value in by_layer.items():
                found[measure][name].append(value)
    progress("layers alone", chips, chips)
    return found


def _lost(prepared: Prepared, number: int) -> dict[str, dict[str, float]]:
    network, labels = prepared.network, prepared.speech.labels
    compiled = _apart(prepared)
    examples = dict(zip(_inputs(compiled), _forward(network, prepared.calibration, {})[0], strict=True))
    products = bring_up(compiled, Instance(prepared.options.seed, number), examples)
    products = products.aged(prepared.options.time_s)
    keys = noise_keys(products.network.instance, prepared.speech.utterance_ids)
    software = _forward(network, prepared.inputs, {})[1]
    lost: dict[str, dict[str, float]] = {ACCURACY: {}, CROSS_ENTROPY: {}}
    for name in LAYERS:
        logits = _forward(network, prepared.inputs, {name: partial(products.layer(name), keys_B=keys)})[1]
        lost[ACCURACY][name] = accuracy(software.argmax(1), labels) - accuracy(logits.argmax(1), labels)
        lost[CROSS_ENTROPY][name] = float(F.cross_entropy(logits, labels) - F.cross_entropy(software, labels))
    return lost


def _apart(prepared: Prepared) -> CompiledNetwork:
    """Compile the three products side by side, each with digital ends."""
    graph = prepared.compiled.graph
    inputs = tuple(graph.vector(layer.input) for layer in graph.layers)
    outputs = tuple(Vector(name=f"{layer.name}-out", size=graph.vector(layer.output).size) for layer in graph.layers)
    layers = tuple(
        AnalogLayer(name=layer.name, input=layer.input, output=out.name)
        for layer, out in zip(graph.layers, outputs, strict=True)
    )
    apart = LayerGraph("kws-apart", (*inputs, *outputs), layers, (), graph.weights)
    return compile_network(apart, prepared.chip, keyword_options(prepared.options.balanced))


def _inputs(compiled: CompiledNetwork) -> list[str]:
    return [layer.input for layer in compiled.graph.layers]


@torch.no_grad()
def _forward(network: KeywordNetwork, x: Tensor, on_chip: Mapping[str, Product]) -> tuple[list[Tensor], Tensor]:
    """Return each layer's input and the logits, some layers' products coming from a chip."""
    inputs = []
    for name in LAYERS:
        inputs.append(x)
        product: Product = on_chip.get(name) or network.get_submodule(name)
        x = product(x)
        x = torch.relu(x) if name != LAYERS[-1] else x
    return inputs, x
