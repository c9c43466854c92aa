"""Compile a network of your own, program one chip instance with it and compare the outputs with PyTorch.

The network is a chain of two layers with ReLU between them; the hidden vector goes from tile to tile as durations.
"""

import torch

from pcmesh.chip import load_chip
from pcmesh.deployed import program_nominal
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.model import AnalogLayer, LayerGraph, Vector
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.pulse import input_ticks
from pcmesh.pipeline import compile_network

INPUTS, HIDDEN, OUTPUTS, SAMPLES = 300, 120, 20, 64


def network(generator: torch.Generator) -> LayerGraph:
    weights = {
        "first": torch.randn(INPUTS, HIDDEN, generator=generator) / INPUTS**0.5,
        "second": torch.randn(HIDDEN, OUTPUTS, generator=generator) / HIDDEN**0.5,
    }
    vectors = (
        Vector(name="x", size=INPUTS),
        Vector(name="hidden", size=HIDDEN, signed=False),
        Vector(name="y", size=OUTPUTS),
    )
    layers = (
        AnalogLayer(name="first", input="x", output="hidden", activation="relu"),
        AnalogLayer(name="second", input="hidden", output="y"),
    )
    return LayerGraph(name="mine", vectors=vectors, layers=layers, digital=(), weights=weights)


def main() -> float:
    generator = torch.Generator().manual_seed(1)
    graph, chip = network(generator), load_chip("nature2023")
    x = torch.randn(SAMPLES, INPUTS, generator=generator)

    compiled = compile_network(graph, chip, inputs={"x": x})
    steps = len(compiled.routing.chips[0].steps)
    print(f"{len(compiled.mapping.tiles)} tiles, {steps} steps = {steps * chip.timing.step_ns} ns a frame")

    instance = Instance(seed=0)
    engine = program_nominal(compiled, instance).engine()
    ticks = input_ticks(x, compiled.ranges["first"].input_full_scale, chip.timing)
    codes = engine.run({"x": ticks}, noise_keys(instance, [f"sample {i}" for i in range(SAMPLES)]))["second"][0]
    wanted = torch.relu(x @ graph.weights["first"]) @ graph.weights["second"]
    correlation = float(torch.corrcoef(torch.stack([codes.flatten().float(), wanted.flatten()]))[0, 1])
    print(f"chip (not calibrated) against PyTorch: correlation {correlation:.3f}")
    return correlation


if __name__ == "__main__":
    main()
