"""Energy of one sample: of a routed network by the power test on the clocked chip, of another by an estimate.

The power test executes the network's microcode and counts every event (`deployed.power`); what belongs to a layer
counts as often as vectors come to it, what serves all layers of a chip, and the time that it is on, as often as the
chip runs: once for each vector of the layer with most of them. Without routes `chip_model.energy` estimates the events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pcmesh.deployed.figures.energy import chip_events, code_operations, pulse_operations
from pcmesh.deployed.program import Program
from pcmesh.network.products import Operation
from pcmesh.performance.costs import load_costs
from pcmesh.performance.energy import DIGITAL, Energy, Item, activity_energy
from pcmesh.performance.power_test import ChipActivity, Part

POWER_TEST, ESTIMATE = "power test on the clocked chip", "estimate without routes"
PULSES, CODES = "pulses", "codes"
EXPANSION = "weight expansion: M x with M random and fixed, so that the rows are many"
_WHY = {
    PULSES: "each number that is sent is scaled to the length of a pulse",
    CODES: "slope and offset of each code that is counted",
    "expansion": EXPANSION,
}
_ALWAYS_ON = frozenset({"column_on_ns", "on_ns"})


def vectors_of_layers(program: Program) -> Counter[str]:
    """Return the vectors that come to each layer on the tiles for one sample."""
    found: Counter[str] = Counter()
    for product, pieces in program.layout.pieces.items():
        for piece in pieces:
            found[piece.layer] += program.frames.vectors[product]  # type: ignore[assignment]
    return found


def digital_ends(program: Program) -> tuple[Operation, ...]:
    """Return the digital operations of one sample that stand between numbers and pulses."""
    mapping, found = program.mapping, []
    for product in program.products:
        vectors = program.frames.vectors[product.name]
        layers = [piece.layer for piece in program.layout.pieces[product.name]]
        more = program.choice.options[product.name].rows(product.name, product.rows)
        counts = {
            PULSES: vectors * sum(pulse_operations(mapping, layer) for layer in layers),
            CODES: vectors * sum(code_operations(mapping, layer) for layer in layers),
            "expansion": 0.0 if more is None else vectors * more.operations,
        }
        found += [Operation(product.name, kind, "digital", _WHY[kind], n) for kind, n in counts.items() if n]
    return tuple(found)


def sample_energy(program: Program) -> Energy:
    """Return the energy of one sample."""
    vectors = vectors_of_layers(program)
    routed = [item for chip in program.activity for item in _tested(program, chip, vectors).items]
    chips = routed if program.activity else list(_estimated(program, vectors))
    return Energy((*chips, *_digital(program)))


def _tested(program: Program, activity: ChipActivity, vectors: Counter[str]) -> Energy:
    places = zip(program.mapping.tiles, program.placement.places, strict=True)
    runs = max(vectors[tile.wp1.layer] for tile, place in places if place.chip == activity.chip)

    def count(part: Part) -> float:
        return runs if part.kind in _ALWAYS_ON or part.layer not in vectors else vectors[part.layer]

    return activity_energy(activity, load_costs(), count)


def _estimated(program: Program, vectors: Counter[str]) -> Iterator[Item]:
    mapping, costs = program.mapping, load_costs()
    chips = [place.chip for place in program.placement.places]
    for layer, count in vectors.items():
        chip = chips[mapping.groups_of(layer)[0].tiles[0]] + 1
        for kind, events in chip_events(mapping, program.chip, chips, layer).items():
            for cost in costs.of_kind(kind):
                yield Item(chip, cost.supply, ESTIMATE, layer, cost.name, count * events * cost.pj * 1e-12)


def _digital(program: Program) -> Iterator[Item]:
    costs = load_costs()
    operations = [entry for entry in program.captured.operations if entry.where == "digital"]
    for entry in (*operations, *digital_ends(program)):
        kind = "matrix_operations" if entry.kind == "expansion" else "vector_operations"
        for cost in costs.of_kind(kind):
            yield Item(0, DIGITAL, DIGITAL, entry.kind, cost.name, entry.operations * cost.pj * 1e-12)
