"""Choose how every layer is mapped, within limits of tiles, time, energy and loss, so that one of them is least.

Losses of single layers are measured (`candidates`) and taken to add up; how each layer is mapped is then a
knapsack with choices, which CP-SAT solves. The chosen mapping is measured as a whole afterwards: the sum is a guide,
not a result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ortools.sat.python import cp_model

from pcmesh.analysis.mapping_choice.candidates import DIGITAL, Candidate
from pcmesh.checks import CountOrNone, Size, checked, unknown
from pcmesh.deployed.model import ChipModel
from pcmesh.errors import CapacityError, ConfigurationError
from pcmesh.placement.plane import solver

Quantity = Literal["loss", "tiles", "steps", "energy_j"]
QUANTITIES: tuple[Quantity, ...] = ("loss", "tiles", "energy_j", "steps")
_SCALE = 10**9
_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most of everything; None: no limit.

    Attributes:
        tiles: tiles taken.
        steps: time steps of one sample, all layers one after the other.
        energy_j: energy of one sample's products.
        loss: sum of the layers' own losses.
        digital_layers: how many layers may stay digital.
        chips, tiles_per_chip: so many chips of so many tiles, each layer whole on one; both or none.
    """

    tiles: int | None = None
    steps: float | None = None
    energy_j: float | None = None
    loss: float | None = None
    digital_layers: int = 0
    chips: int | None = None
    tiles_per_chip: int | None = None

    def of(self, quantity: Quantity) -> float | None:
        """Return the limit of a quantity."""
        value: float | None = getattr(self, quantity)
        return value


@dataclass(frozen=True)
class Choice:
    """The way of every layer.

    Attributes:
        ways: layer -> candidate.
        why: layer -> reason, for people.
        limits: that were kept.
        least: what was made least.
        chips: layer -> chip (0-based), where the limits are of whole chips.
    """

    ways: Mapping[str, Candidate]
    why: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    least: Quantity = "loss"
    chips: Mapping[str, int] = field(default_factory=dict)

    def total(self, quantity: Quantity) -> float:
        """Return the sum of a quantity over the layers."""
        return sum(value_of(entry, quantity) for entry in self.ways.values())

    @property
    def tiles(self) -> int:
        """Tiles taken."""
        return int(self.total("tiles"))

    @property
    def predicted_loss(self) -> float:
        """Sum of the layers' own losses."""
        return self.total("loss")

    @property
    def layers(self) -> dict[str, str]:
        """What `pcmesh.compile` takes as `layers`."""
        return {name: entry.way for name, entry in self.ways.items()}


@checked
def choose(
    found: Sequence[Candidate],
    tiles: CountOrNone | None = None,
    pins: Mapping[str, str] | None = None,
    *,
    steps: Size | None = None,
    energy_j: Size | None = None,
    loss: Size | None = None,
    digital_layers: CountOrNone = 0,
    chips: CountOrNone | None = None,
    tiles_per_chip: CountOrNone | None = None,
    least: Quantity = "loss",
) -> Choice:
    """Choose one way for every layer.

    Args:
        found: the candidates of all layers.
        tiles, steps, energy_j, loss, digital_layers, chips, tiles_per_chip: see `Limits`.
        pins: layer -> way that the user wants.
        least: what shall be least; of equals the one with the smallest loss, tiles, energy and steps, in this order.

    Raises:
        CapacityError: no choice keeps the limits; the message says what the smallest takes.
        ConfigurationError: a pin names no layer, or a way that was not measured; a candidate has no loss, or one that
            is no number; limits that contradict one another.
    """
    limits = Limits(
        tiles=tiles,
        steps=steps,
        energy_j=energy_j,
        loss=loss,
        digital_layers=digital_layers,
        chips=chips,
        tiles_per_chip=tiles_per_chip,
    )
    if not found:
        raise ConfigurationError("there are no candidates to choose from", "Measure some: `candidates`")
    pins = dict(pins or {})
    _check_limits(limits)
    _check_measured(found)
    _check_pins(found, pins)
    allowed = [c for c in found if c.layer not in pins or c.way == pins[c.layer]]
    ways, places = _Problem(allowed, limits).solve(least)
    totals: dict[str, float] = {q: sum(value_of(c, q) for c in ways.values()) for q in QUANTITIES}
    why = {
        layer: "pinned" if layer in pins else _why(way, [c for c in allowed if c.layer == layer], totals, limits, least)
        for layer, way in ways.items()
    }
    return Choice(ways, why, limits, least, places)


def apply(model: ChipModel, choice: Choice) -> ChipModel:
    """Return the network programmed as chosen; layers that stay digital are computed in float32."""
    options = {name: way for name, way in choice.layers.items() if way != DIGITAL}
    return model.on(options=options, only=options)


def value_of(candidate: Candidate, quantity: Quantity) -> float:
    """Return what a candidate has of a quantity."""
    return float(getattr(candidate, quantity))


class _Problem:
    """The knapsack: one Boolean for each candidate."""

    def __init__(self, allowed: Sequence[Candidate], limits: Limits) -> None:
        self._allowed, self._limits = allowed, limits
        self._layers = list(dict.fromkeys(entry.layer for entry in allowed))
        self._model = cp_model.CpModel()
        self._taken = [self._model.new_bool_var(f"{c.layer}/{c.way}") for c in allowed]
        self._chosen = list(zip(self._taken, allowed, strict=True))
        self._unit = {q: max(max(value_of(c, q) for c in allowed), 1e-30) / _SCALE for q in QUANTITIES}
        for layer in self._layers:
            self._model.add_exactly_one(t for t, c in self._chosen if c.layer == layer)
        self._model.add(sum(t for t, c in self._chosen if c.way == DIGITAL) <= limits.digital_layers)
        for quantity in QUANTITIES:
            limit = limits.of(quantity)
            if limit is not None:
                self._model.add(self._sum(quantity) <= int(limit / self._unit[quantity] + len(self._layers)))

        self._here = self._on_chips(limits.chips or 0, limits.tiles_per_chip or 0)

    def _on_chips(self, chips: int, size: int) -> list[list[cp_model.IntVar]]:
        """Put each layer on one of the chips; none may hold more tiles than it has. Without chips nothing is added."""
        here = [[self._model.new_bool_var(f"{t.name}@{chip}") for chip in range(chips)] for t in self._taken]
        for taken, places in zip(self._taken, here, strict=True):
            if chips:
                self._model.add(sum(places) == taken)
        for chip in range(chips):
            held = (places[chip] * c.tiles for places, c in zip(here, self._allowed, strict=True))
            self._model.add(sum(held) <= size)
        return here

    def solve(self, least: Quantity) -> tuple[dict[str, Candidate], dict[str, int]]:
        """Return the best choice, `least` first, the other quantities among equals, and the layers' chips."""
        order = (least, *(quantity for quantity in QUANTITIES if quantity != least))
        run = solver(_SECONDS)
        for quantity in order:
            self._model.minimize(self._sum(quantity))
            if run.solve(self._model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
                raise self._too_much()
            self._model.add(self._sum(quantity) <= round(run.objective_value))
        ways = {c.layer: c for t, c in self._chosen if run.value(t)}
        pairs = ((c, p) for places, c in zip(self._here, self._allowed, strict=True) for p in enumerate(places))
        chips = {c.layer: chip for c, (chip, place) in pairs if run.value(place)}
        return {layer: ways[layer] for layer in self._layers}, chips

    def _sum(self, quantity: Quantity) -> cp_model.LinearExprT:
        return sum(t * round(value_of(c, quantity) / self._unit[quantity]) for t, c in self._chosen)

    def _too_much(self) -> CapacityError:
        """Return the error that says of each limit what the smallest choice takes, the other limits aside."""
        parts = []
        analog = [c for c in self._allowed if c.way != DIGITAL or self._limits.digital_layers]
        for quantity in QUANTITIES:
            limit = self._limits.of(quantity)
            if limit is not None:
                least = sum(min(value_of(c, quantity) for c in analog if c.layer == name) for name in self._layers)
                what = "a loss of " if quantity == "loss" else ""
                parts.append(f"{what}{shown(limit, quantity)} (the smallest takes {shown(least, quantity)})")
        return CapacityError(
            f"no choice of mappings keeps {' and '.join(parts) or 'the number of chips'}",
            "Allow more, or let layers stay digital",
        )


def _check_limits(limits: Limits) -> None:
    if (limits.chips is None) != (limits.tiles_per_chip is None):
        raise ConfigurationError(
            f"chips = {limits.chips} with tiles_per_chip = {limits.tiles_per_chip}", "Give both, or neither"
        )
    for name in ("chips", "tiles_per_chip"):
        value = getattr(limits, name)
        if value is not None and value < 1:
            raise ConfigurationError(f"{name} = {value}", "At least 1; leave it out for no limit")


def _check_measured(found: Sequence[Candidate]) -> None:
    for entry in found:
        for quantity in QUANTITIES:
            value = value_of(entry, quantity)
            if not math.isfinite(value):
                raise ConfigurationError(
                    f"{entry.layer} in {entry.way}: {quantity} = {value}; what was not measured cannot be chosen",
                    "Measure it, or leave the candidate out",
                )


def _check_pins(found: Sequence[Candidate], pins: Mapping[str, str]) -> None:
    for layer, way in pins.items():
        ways = [c.way for c in found if c.layer == layer]
        if not ways:
            raise unknown("layer", layer, dict.fromkeys(c.layer for c in found))
        if way not in ways:
            raise ConfigurationError(f"{layer}: {way!r} was not measured", f"Measured: {', '.join(ways)}")


def _why(
    way: Candidate, others: Sequence[Candidate], totals: Mapping[str, float], limits: Limits, least: Quantity
) -> str:
    best = min(others, key=lambda c: value_of(c, least))
    if value_of(best, least) >= value_of(way, least):
        return f"{_OF_LEAST[least]} of all its ways ({shown(value_of(way, least), least)})"
    gain = f"{best.way} {_SAVES[least]} {shown(value_of(way, least) - value_of(best, least), least)} less"
    if best.way == DIGITAL:
        return f"{gain}; the digital layers allowed are used elsewhere"
    for quantity in QUANTITIES:
        limit, more = limits.of(quantity), value_of(best, quantity) - value_of(way, quantity)
        if limit is not None and totals[quantity] + more > limit:
            left = shown(max(limit - totals[quantity], 0.0), quantity)
            return f"{gain}, but {_COSTS[quantity]} {shown(more, quantity)} more: {left} left"
    return f"{gain}, but not within the limits together with the others"


_OF_LEAST = {
    "loss": "loses least",
    "tiles": "takes fewest tiles",
    "steps": "takes least time",
    "energy_j": "draws least energy",
}
_SAVES = {"loss": "would lose", "tiles": "would take", "steps": "would take", "energy_j": "would draw"}
_COSTS = {"loss": "lose", "tiles": "take", "steps": "take", "energy_j": "draw"}


def shown(value: float, quantity: Quantity) -> str:
    """Return a quantity for people."""
    if quantity == "loss":
        return f"{value:.2g}"
    if quantity == "energy_j":
        size, unit = next((pair for pair in ((1e-3, "mJ"), (1e-6, "uJ")) if value >= pair[0]), (1e-9, "nJ"))
        return f"{value / size:.3g} {unit}"
    count = f"{value:g}" if value < 1e5 else f"{value:.2e}"
    return f"{count} {quantity}" if value != 1 else f"1 {quantity[:-1]}"
