"""Figures of a chip model: how much of the chips it takes, and how long by its steps of 300 ns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pcmesh.deployed.choices.routes import RouteFigures, route_figures
from pcmesh.deployed.figures.energy import hands_over, output_slots, taken_steps, vector_steps
from pcmesh.deployed.figures.sample_energy import ESTIMATE, POWER_TEST, digital_ends, sample_energy, vectors_of_layers
from pcmesh.deployed.figures.time import SampleTime, Work, sample_time
from pcmesh.deployed.program import Program


@dataclass(frozen=True)
class ProductFigures:
    """One matrix on the chips.

    Attributes:
        name, rows, columns: the matrix.
        way: how its weights are held, and on how many rows its inputs come (`ProductOptions.way`).
        tiles: tiles of its own; 0 where it lies on shared ones.
        shared: shared tiles that it lies on.
        chips: chips (1-based).
        used: share of the cells' places that its tiles' weights take.
        vectors: vectors for each sample.
        steps: time steps for each vector.
        uses: calls in the network.
        expansion: digital operations for each sample that make its rows from its inputs (weight expansion).
        energy_j: energy of its tiles and landing pads for each sample.
    """

    name: str
    rows: int
    columns: int
    way: str
    tiles: int
    shared: int
    chips: tuple[int, ...]
    used: float
    vectors: float
    steps: int
    uses: int
    expansion: float
    energy_j: float


@dataclass(frozen=True)
class OperationFigures:
    """All operations of one kind at one place.

    Attributes:
        where, kind, why: the decision.
        calls: how many there are.
        operations: scalar operations for each sample.
        modules: where they are.
    """

    where: str
    kind: str
    why: str
    calls: int
    operations: float
    modules: tuple[str, ...]


@dataclass(frozen=True)
class ModelFigures:
    """Figures of a whole network.

    Attributes:
        products: the matrices.
        operations: the operations by kind.
        tiles, chips: taken.
        devices: PCMs that hold a weight.
        used: share of the taken tiles' cells that hold a weight.
        analog_weights, digital_weights: weights on tiles (each once), and parameters that stay digital.
        latency_s: one sample alone, along the edges between its operations, until its last code is counted
            (`chip_model.time`).
        after_s: digital time behind that.
        interval_s: between samples when all layers work at once: that of the slowest layer.
        energy_j: one sample, digital operations included; by fitted and assumed costs.
        energy_by: how events were counted (`chip_model.sample_energy`).
        routes: of every chip, where vectors have ways through the mesh.
    """

    products: tuple[ProductFigures, ...]
    operations: tuple[OperationFigures, ...]
    tiles: int
    chips: int
    devices: int
    used: float
    analog_weights: int
    digital_weights: int
    latency_s: float
    after_s: float
    interval_s: float
    energy_j: float
    energy_by: str
    routes: tuple[RouteFigures, ...] = ()

    @property
    def analog_operations(self) -> float:
        """Operations of one sample on tiles."""
        return sum(entry.operations for entry in self.operations if entry.where == "analog")

    @property
    def digital_operations(self) -> float:
        """Operations of one sample beside them."""
        return sum(entry.operations for entry in self.operations if entry.where == "digital")


def model_figures(program: Program) -> ModelFigures:
    """Return the figures of a network as it is mapped."""
    mapping = program.mapping
    energy, vectors = sample_energy(program), vectors_of_layers(program)
    of_vectors = {layer: joule / max(vectors[layer], 1e-30) for layer, joule in energy.by("layer").items()}
    products = tuple(_product(program, product, of_vectors) for product in program.products)
    time = _sample_time(program, products)
    analog = sum(product.weight.numel() for product in program.products)
    operations = _operations((*program.captured.operations, *digital_ends(program)))
    return ModelFigures(
        products=products,
        operations=operations,
        tiles=len(mapping.tiles),
        chips=program.placement.chips,
        devices=_devices(program),
        used=_filled(program, range(len(mapping.tiles))),
        analog_weights=analog,
        digital_weights=_digital_weights(program),
        latency_s=time.latency_s,
        after_s=time.after_s,
        interval_s=time.interval_s,
        energy_j=energy.total,
        energy_by=POWER_TEST if program.activity else ESTIMATE,
        routes=route_figures(program.compiled),
    )


def _sample_time(program: Program, products: Iterable[ProductFigures]) -> SampleTime:
    """Return how long one sample takes."""
    chip, pieces = program.chip, program.layout.pieces
    where = (program.mapping, chip, [place.chip for place in program.placement.places])
    compiled = program.compiled
    frames = [] if compiled is None else [schedule.interval_steps for schedule in compiled.routing.chips]
    work = {}
    for entry in products:
        layers = [piece.layer for piece in pieces[entry.name]]
        slots: Counter[int] = Counter()
        for layer in layers:
            slots.update(output_slots(*where, layer))
        digital = not any(hands_over(program.mapping, layer) for layer in layers)
        taken = sum(taken_steps(*where, layer) for layer in layers)
        if frames:
            taken = max(frames[number - 1] for number in entry.chips)
        work[entry.name] = Work(entry.vectors, entry.steps, taken, frozenset(layers), dict(slots), digital)
    step_s, digital_s = chip.timing.step_ns * 1e-9, chip.digital.layer_ns * 1e-9
    return sample_time(program.captured.operations, work, step_s, digital_s)


def _product(program: Program, product: Any, of_vectors: Mapping[str, float]) -> ProductFigures:
    mapping, placement, layout = program.mapping, program.placement, program.layout
    sheets = set(layout.sheets)
    layers = dict.fromkeys(piece.layer for piece in layout.pieces[product.name])
    tiles = {name: [t.index for t in mapping.tiles if t.wp1.layer == name] for name in layers}
    taken = [index for found in tiles.values() for index in found]
    vectors = program.frames.vectors[product.name]
    options = program.choice.options[product.name]
    more = options.rows(product.name, product.rows)
    expansion = 0.0 if more is None else vectors * more.operations
    where = (mapping, program.chip, [place.chip for place in placement.places])
    pieces = [piece.layer for piece in layout.pieces[product.name]]
    return ProductFigures(
        name=product.name,
        rows=product.rows,
        columns=product.columns,
        way=options.way,
        tiles=sum(len(found) for name, found in tiles.items() if name not in sheets),
        shared=sum(len(found) for name, found in tiles.items() if name in sheets),
        chips=tuple(sorted({placement.places[index].chip + 1 for index in taken})),
        used=_filled(program, taken),
        vectors=vectors,
        steps=sum(vector_steps(*where, layer) for layer in pieces),
        uses=len(product.sites),
        expansion=expansion,
        energy_j=vectors * sum(of_vectors[layer] for layer in pieces),
    )


def _filled(program: Program, tiles: Iterable[int]) -> float:
    """Return the share of the tiles' places for weights that hold one (zeros between rectangles do not count)."""
    mapping, chip = program.mapping, program.chip
    places, held = 0, 0.0
    for index in tiles:
        tile = mapping.tiles[index]
        share = _density(program, tile.wp1.layer)
        places += 2 * chip.tile.cells
        held += share * sum(b.rows * b.columns for b in (tile.wp1, tile.wp2) if b is not None)
    return held / places if places else 0.0


def _density(program: Program, layer: str) -> float:
    found = program.layout.pieces_of(layer)
    area = sum((p.row_stop - p.row_start) * (p.column_stop - p.column_start) for _, p in found)
    return area / program.layout.graph.weights[layer].numel()


def _operations(operations: Iterable[Any]) -> tuple[OperationFigures, ...]:
    merged: dict[tuple[str, str, str], list[Any]] = {}
    for entry in operations:
        merged.setdefault((entry.where, entry.kind, entry.why), []).append(entry)
    return tuple(
        OperationFigures(
            where,
            kind,
            why,
            len(found),
            sum(e.operations for e in found),
            tuple(dict.fromkeys(e.module for e in found)),
        )
        for (where, kind, why), found in merged.items()
    )


def _digital_weights(program: Program) -> int:
    programmed = {name for product in program.products for name in product.parameters}
    parameters = program.captured.parameters
    return sum(count for name, count in parameters.items() if name not in programmed)


def _devices(program: Program) -> int:
    """Return the PCMs that hold a weight: two for each weight on a pair."""
    blocks = [(t, b) for t in program.mapping.tiles for b in (t.wp1, t.wp2) if b is not None]
    held = sum(2 * _density(program, tile.wp1.layer) * b.rows * b.columns for tile, b in blocks)
    return round(held)
