"""The keyword network as a LayerGraph: three matrix products, handed over from tile to tile as durations."""

from __future__ import annotations

from pcmesh.mapping import Encoding
from pcmesh.mapping.options import LayerOptions
from pcmesh.model import AnalogLayer, LayerGraph, Vector
from pcmesh.workloads.kws.network import CLASSES, HIDDEN, PIXELS, KeywordNetwork

LAYERS = ("layer0", "layer1", "layer2")
INPUT = "features"


def keyword_graph(network: KeywordNetwork) -> LayerGraph:
    """Return the graph of a keyword network; everything between features and logits is analog (paper: Fig. 3)."""
    vectors = (
        Vector(name=INPUT, size=PIXELS),
        Vector(name="hidden0", size=HIDDEN, signed=False),
        Vector(name="hidden1", size=HIDDEN, signed=False),
        Vector(name="logits", size=CLASSES),
    )
    layers = tuple(
        AnalogLayer(
            name=name,
            input=vectors[number].name,
            output=vectors[number + 1].name,
            activation="relu" if number < len(LAYERS) - 1 else "linear",
        )
        for number, name in enumerate(LAYERS)
    )
    weights = {name: getattr(network, name).weight.detach().t().contiguous().float() for name in LAYERS}
    return LayerGraph(name="kws", vectors=vectors, layers=layers, digital=(), weights=weights)


def keyword_options(balanced: bool) -> dict[str, LayerOptions]:
    """Return the paper's mapping: all layers in AB; or, for comparison, both pairs alike (4-PCM) on the same tiles."""
    encoding = Encoding.AB if balanced else Encoding.PCM4
    return {name: LayerOptions(encoding=encoding) for name in LAYERS}
