"""Choose every layer's encoding under a budget of tiles, by what the network loses with that layer alone on the chip.

Losses of single layers are measured and taken to add up; which layers shall have which encoding is then a knapsack with
choices, which CP-SAT solves. The chosen mapping is measured as a whole afterwards: the sum is a guide, not a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ortools.sat.python import cp_model
from torch import Tensor
from torch.utils import _pytree as pytree

from pcmesh.chip_model.figures import model_figures
from pcmesh.chip_model.model import ChipModel
from pcmesh.chip_model.side import MixedProducts
from pcmesh.errors import CapacityError
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.placement.plane import solver

DIGITAL = "digital"
_SCALE = 10**9
_BUDGET = 20.0

Loss = Callable[[Any, Any], float]


@dataclass(frozen=True)
class Candidate:
    """One way to run one layer.

    Attributes:
        layer, way: the matrix, and its encoding or `digital`.
        loss: what the network loses with this layer alone on the chip.
        tiles: tiles that it takes.
        steps: time steps of its vectors for one sample.
        energy_j: energy of them.
    """

    layer: str
    way: str
    loss: float
    tiles: int
    steps: float
    energy_j: float = 0.0


@dataclass(frozen=True)
class Choice:
    """The way of every layer.

    Attributes:
        ways: layer -> candidate.
        why: layer -> reason, for people.
        budget: tiles allowed.
    """

    ways: Mapping[str, Candidate]
    why: Mapping[str, str]
    budget: int

    @property
    def tiles(self) -> int:
        """Tiles taken."""
        return sum(entry.tiles for entry in self.ways.values())

    @property
    def predicted_loss(self) -> float:
        """Sum of the layers' own losses."""
        return sum(entry.loss for entry in self.ways.values())

    @property
    def layers(self) -> dict[str, str]:
        """What `pcmesh.compile` takes as `layers`."""
        return {name: entry.way for name, entry in self.ways.items()}


def output_error(got: Any, wanted: Any) -> float:
    """Return the power of the difference of a network's outputs as a share of that of the outputs themselves."""
    pairs = zip(pytree.tree_leaves(got), pytree.tree_leaves(wanted), strict=True)
    values = [(a, b) for a, b in pairs if isinstance(a, Tensor) and a.is_floating_point()]
    return float(sum(((a - b) ** 2).mean() for a, b in values) / sum(b.var() for _, b in values))


def candidates(
    model: ChipModel,
    batches: Sequence[tuple[Any, ...]],
    encodings: Sequence[Encoding] = tuple(Encoding),
    digital: bool = False,
    loss: Loss = output_error,
) -> tuple[Candidate, ...]:
    """Measure every layer in every encoding, alone on the chip, the other layers in software.

    Args:
        model: the network on a chip instance.
        batches: arguments of calls.
        encodings: those to try.
        digital: whether a layer may stay digital (no loss, no tile).
        loss: outputs on the chip, outputs in software -> what is lost.
    """
    captured = model.deployment.captured
    wanted = [model.software(*batch) for batch in batches]
    found: list[Candidate] = []
    for encoding in encodings:
        options = {product.name: LayerOptions(encoding=encoding) for product in captured.products}
        other = model.on(options=options)
        sizes = {entry.name: entry for entry in model_figures(other.deployment).products}
        for product in captured.products:
            mixed = MixedProducts(other.side, captured.weights, frozenset({product.name}))
            single = ChipModel(other.deployment, other.side, model.noisy, mixed)
            lost = [loss(single(*batch), right) for batch, right in zip(batches, wanted, strict=True)]
            size = sizes[product.name]
            mean = sum(lost) / len(lost)
            tiles, steps = size.tiles + size.shared, size.steps * size.vectors
            found.append(Candidate(product.name, str(encoding), mean, tiles, steps, size.energy_j))
    if digital:
        found += [Candidate(product.name, DIGITAL, 0.0, 0, 0.0) for product in captured.products]
    return tuple(found)


def choose(
    found: Sequence[Candidate],
    tiles: int,
    pins: Mapping[str, str] | None = None,
    steps: float | None = None,
    digital_layers: int = 0,
) -> Choice:
    """Choose one way for every layer so that the sum of the losses is smallest.

    Args:
        found: the candidates of all layers.
        tiles: the most tiles that may be taken.
        pins: layer -> way that the user wants.
        steps: the most time steps of one sample, all layers together.
        digital_layers: how many layers may stay digital.

    Raises:
        CapacityError: no choice fits the budget; the message says what the smallest one takes.
    """
    pins = pins or {}
    layers = list(dict.fromkeys(entry.layer for entry in found))
    allowed = [c for c in found if c.layer not in pins or c.way == pins[c.layer]]
    model = cp_model.CpModel()
    taken = [model.new_bool_var(f"{c.layer}/{c.way}") for c in allowed]
    chosen = list(zip(taken, allowed, strict=True))
    for layer in layers:
        model.add_exactly_one(t for t, c in chosen if c.layer == layer)
    model.add(sum(t * c.tiles for t, c in chosen) <= tiles)
    model.add(sum(t for t, c in chosen if c.way == DIGITAL) <= digital_layers)
    if steps is not None:
        model.add(sum(t * round(c.steps * 1000) for t, c in chosen) <= round(steps * 1000))
    largest = max(max(c.loss for c in allowed), 1e-12)
    model.minimize(sum(t * round(c.loss / largest * _SCALE) for t, c in chosen))
    run = solver(_BUDGET)
    if run.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        least = sum(min(c.tiles for c in allowed if c.layer == layer) for layer in layers)
        raise CapacityError(
            f"no choice of encodings fits {tiles} tiles; the smallest takes {least}",
            "Allow more tiles or steps, or keep layers digital",
        )
    ways = {c.layer: c for t, c in chosen if run.value(t)}
    ways = {layer: ways[layer] for layer in layers}
    spare = tiles - sum(c.tiles for c in ways.values())
    why = {layer: _why(ways[layer], [c for c in allowed if c.layer == layer], layer in pins, spare) for layer in layers}
    return Choice(ways, why, tiles)


def _why(way: Candidate, others: Sequence[Candidate], pinned: bool, spare: int) -> str:
    if pinned:
        return "pinned"
    better = [c for c in others if c.loss < way.loss]
    if not better:
        return f"loses least of all ways ({way.loss:.2e})"
    best = min(better, key=lambda c: c.loss)
    if best.way == DIGITAL:
        return f"loses {way.loss:.2e}; the digital layers allowed are used where more is lost"
    more = best.tiles - way.tiles
    if more > spare:
        return f"{best.way} would lose {way.loss - best.loss:.1e} less and take {more} more tiles: too many"
    return f"{best.way} would lose {way.loss - best.loss:.1e} less, but exceed the time or the budget with others"


def measure(model: ChipModel, choice: Choice) -> ChipModel:
    """Return the network programmed as chosen; layers that stay digital are computed in float32."""
    options = {name: LayerOptions(encoding=Encoding(way)) for name, way in choice.layers.items() if way != DIGITAL}
    other = model.on(options=options)
    on_chip = frozenset(options)
    if len(on_chip) == len(choice.ways):
        return other
    mixed = MixedProducts(other.side, model.deployment.captured.weights, on_chip)
    return ChipModel(other.deployment, other.side, model.noisy, mixed)
