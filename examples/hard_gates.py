"""Let the tiles make an LSTM's gates: with hard sigmoids and hard tanhs a column's ramp is the activation.

The cell learns to recall the symbol that a marker stood at. What a ramp can make leaves the digital side; the products
of two computed vectors (f * c, i * g, o * tanh(c)), their sum and the tanh of the cell's state stay there.
"""

import torch
from torch import Tensor, nn

import pcmesh

SYMBOLS, STEPS, HIDDEN = 4, 6, 48
SOFT, HARD = (nn.Sigmoid, nn.Tanh), (nn.Hardsigmoid, nn.Hardtanh)


class Recall(nn.Module):
    """A cell whose gates are two products a step, one for each kind of activation: a tile has one ramp."""

    def __init__(self, gate: type[nn.Module], squash: type[nn.Module]) -> None:
        super().__init__()
        self.gates, self.candidate = (nn.Linear(SYMBOLS + 1 + HIDDEN, n * HIDDEN) for n in (3, 1))
        self.gate, self.squash = gate(), squash()
        self.last = nn.Linear(HIDDEN, SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        state = cell = x.new_zeros(x.shape[0], HIDDEN)
        for step in range(STEPS):
            both = torch.cat([x[:, step], state], 1)
            keep, write, show = self.gate(self.gates(both)).chunk(3, 1)
            cell = keep * cell + write * self.squash(self.candidate(both))
            state = show * self.squash(cell)
        out: Tensor = self.last(state)
        return out


def samples(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return sequences of one-hot symbols and a marker at one of them, and the symbol that was marked."""
    symbols = torch.randint(SYMBOLS, (count, STEPS), generator=generator)
    marked = torch.randint(STEPS, (count, 1), generator=generator)
    marker = torch.zeros(count, STEPS).scatter(1, marked, 1.0)
    x = torch.cat([nn.functional.one_hot(symbols, SYMBOLS).float(), marker[..., None]], 2)
    return x, symbols.gather(1, marked)[:, 0]


def trained(gate: type[nn.Module], squash: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    generator, network = torch.Generator().manual_seed(1), Recall(gate, squash)
    aware = pcmesh.training.hardware_aware(network)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(400):
        x, wanted = samples(128, generator)
        optimiser.zero_grad()
        nn.functional.cross_entropy(aware(x), wanted).backward()
        optimiser.step()
        aware.clip_weights()
    return network.eval()


def main() -> dict[str, dict[str, float]]:
    x, wanted = samples(600, torch.Generator().manual_seed(2))
    example, _ = samples(400, torch.Generator().manual_seed(3))
    soft, hard = trained(*SOFT), trained(*HARD)
    found = {}
    for name, network, hand_over in (
        ("sigmoid, tanh", soft, False),
        ("hard, digital", hard, False),
        ("hard, on tiles", hard, True),
    ):
        model = pcmesh.compile(network, example, hand_over=hand_over)
        figures = model.figures()
        digital = [entry for entry in figures["operations"] if entry["where"] == "digital"]
        found[name] = {
            "software": float((network(x).argmax(1) == wanted).float().mean()),
            "chip": float((model(x).argmax(1) == wanted).float().mean()),
            "operations": sum(entry["operations"] for entry in digital) / STEPS,
            "activations": sum(entry["operations"] for entry in digital if _is_activation(entry["kind"])) / STEPS,
            "ns": 1e9 * figures["latency_s"] / STEPS,
            "nj": 1e9 * figures["energy_j"] / STEPS,
        }
    print("                 accuracy        digital operations     a time step")
    print("gates            software  chip  all  for activations   time     energy")
    for name, row in found.items():
        print(
            f"{name:<16} {row['software']:8.1%} {row['chip']:6.1%} {row['operations']:4.0f} {row['activations']:16.0f} "
            f"{row['ns']:6.0f} ns {row['nj']:7.2f} nJ"
        )
    before, after = found["hard, digital"], found["hard, on tiles"]
    taken, saved_ns = before["operations"] - after["operations"], before["ns"] - after["ns"]
    after_each = model.program.chip.digital.layer_ns
    print(
        f"Ramps take {taken:.0f} of {before['operations']:.0f} digital operations a step: "
        f"{1 - after['nj'] / before['nj']:.1%} of its energy and {saved_ns:.0f} ns of its time, since "
        f"the digital side gets {after_each} ns after each vector, whatever it does in them."
    )
    return found


def _is_activation(kind: str) -> bool:
    return kind.rstrip("_") in ("sigmoid", "tanh", "hardsigmoid", "hardtanh")


if __name__ == "__main__":
    main()
