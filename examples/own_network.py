"""Compile a network of your own down to the wires, and see what each way of calibrating its columns is worth.

The network is a chain of two layers with ReLU between them; the hidden vector goes from tile to tile as durations.
"""

import torch
from torch import nn

import pcmesh

INPUTS, HIDDEN, OUTPUTS, SAMPLES = 300, 120, 20, 256


def main() -> float:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUTPUTS))
    x = torch.randn(SAMPLES, INPUTS)

    model = pcmesh.compile(network, x, hand_over=True, route=True)
    figures = model.figures()
    print(f"{figures['tiles']} tiles, {1e9 * figures['latency_s']:.0f} ns, {1e9 * figures['energy_j']:.0f} nJ a frame")
    for columns in ("none", "auto"):
        found = model.on(columns=columns)(x)
        wanted = model.software(x)
        correlation = float(torch.corrcoef(torch.stack([found.flatten(), wanted.flatten()]))[0, 1])
        print(f"columns={columns!r}: correlation with PyTorch {correlation:.3f}")
    return correlation


if __name__ == "__main__":
    main()
