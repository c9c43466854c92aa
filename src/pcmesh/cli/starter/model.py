"""A network to begin with: 784 - 256 - 10, its last layer fitted to the data of data.py. Put yours in its place."""

import torch
from torch import nn

INPUTS, HIDDEN, CLASSES = 784, 256, 10


def make_model() -> nn.Module:
    """Return the network, fitted in closed form: the same weights at every call."""
    generator = torch.Generator().manual_seed(1)
    first, relu, last = nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES)
    with torch.no_grad():
        first.weight.copy_(torch.randn(HIDDEN, INPUTS, generator=generator) / INPUTS**0.5)
        first.bias.zero_()
        labels = torch.arange(2_000) % CLASSES
        prototypes = torch.randn(CLASSES, INPUTS, generator=torch.Generator().manual_seed(0))  # those of data.py
        samples = 0.25 * prototypes[labels] + torch.randn(len(labels), INPUTS, generator=generator)
        hidden = torch.cat([relu(first(samples)), torch.ones(len(labels), 1)], 1)
        wanted = nn.functional.one_hot(labels, CLASSES).float()
        squares = hidden.T @ hidden + 20 * torch.eye(HIDDEN + 1)
        fitted = torch.linalg.solve(squares, hidden.T @ wanted)
        last.weight.copy_(fitted[:-1].T)
        last.bias.copy_(fitted[-1])
    return nn.Sequential(first, relu, last)
