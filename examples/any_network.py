"""Any PyTorch network on the chip, in three lines: train it as usual, compile it, call it.

A small convolutional network learns to tell drawn digits apart, in software; then one chip instance runs it: now, a
month later, and a month later with its read-out calibrated anew.
"""

from collections.abc import Iterator

import torch
from sklearn.datasets import load_digits
from torch import nn

import pcmesh


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


def trained(images: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    torch.manual_seed(0)
    model = network()
    optimiser = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(12):
        for batch in torch.randperm(len(images)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
    return model.eval()


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).float().mean())


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    found = load_digits()
    return torch.tensor(found.images, dtype=torch.float32)[:, None] / 16, torch.tensor(found.target)


def make_model() -> nn.Module:
    images, labels = digits()
    return trained(images[:1000], labels[:1000])


def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield what the network did not learn from: `pcmesh sensitivity` and `pcmesh evaluate` take it as --data."""
    images, labels = digits()
    yield images[1000:], labels[1000:]


def main() -> dict[str, float]:
    model, (images, labels) = make_model(), next(batches())

    chip_model = pcmesh.compile(model, digits()[0][:256])
    print(chip_model.summary())

    month = chip_model.at("1mo")
    models = {"software": model, "chip": chip_model, "a month later": month}
    models["a month later, recalibrated"] = month.recalibrate()
    found = {name: accuracy(entry, images, labels) for name, entry in models.items()}
    for name, share in found.items():
        print(f"{name:<28}{share:.1%} of {len(images)} digits")
    return found


if __name__ == "__main__":
    main()
