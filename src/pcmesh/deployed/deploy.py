"""From a captured network to a programmed chip: map, place, route, program, calibrate."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pcmesh.compiled import CompiledNetwork
from pcmesh.deployed.calibration_data.frames import Frames
from pcmesh.deployed.calibration_data.warnings import frame_warnings
from pcmesh.deployed.chip import calibrate
from pcmesh.deployed.choices.options import sharing
from pcmesh.deployed.choices.routes import Routes
from pcmesh.deployed.ends import end_warnings, ends_of, programmed_products, sent_frames
from pcmesh.deployed.program import CompileChoice, Program
from pcmesh.deployed.side import ChipSide
from pcmesh.errors import CapacityError
from pcmesh.execution.paths import route_paths
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.mapping.mapper import map_network
from pcmesh.mapping.packing import Layout, layers_of
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.products import Chain, MatrixProduct
from pcmesh.physics.fabrication import Instance
from pcmesh.placement import Placement
from pcmesh.placement.direct import place_direct
from pcmesh.programming.chip import fabricate


class Deployed(NamedTuple):
    """A compiled network on a chip; `only`: products that are on it, None: all."""

    program: Program
    side: ChipSide
    only: frozenset[str] | None


def deploy(
    captured: CapturedNetwork,
    seen: Frames,
    choice: CompileChoice,
    chip: ChipSpec,
    instance: Instance,
    only: Collection[str] | None = None,
    known: CompiledNetwork | None = None,
) -> Deployed:
    """Map and place a captured network, program a chip instance with it and calibrate it.

    Args:
        captured: the network.
        seen: its calibration frames.
        choice: how its layers are mapped.
        chip, instance: which chip.
        only: products that are on it, while the others are computed in software; None: all.
        known: the same network with routes, which are taken over where it is mapped alike.

    Raises:
        CapacityError: a layer does not fit or finds no way; the message says what is short by how much.
    """
    products = [product for product in captured.products if only is None or product.name in only]
    chains = chains_of(captured.chains, products)
    ends = ends_of(products, choice.options, chains)
    fit, notes = _best_fit(choice, programmed_products(products, ends), chains, chip)
    _check_chips(fit, choice.max_chips)
    graph = fit.layout.graph
    routes = Routes.of(graph, fit.mapping, chip, known) if choice.route else None
    placement = fit.placement if routes is None else routes.placement
    paths = None if routes is None else route_paths(routes.routing, fit.mapping, chip, instance)
    blank = fabricate(chip, instance, fit.mapping, placement)
    sent = sent_frames(seen.inputs, ends)
    inputs = fit.layout.inputs(sent)
    programmed = calibrate(
        blank,
        graph,
        inputs,
        choice.columns,
        paths=paths,
        clipped_share=choice.clipped_share,
        scale_columns=choice.scale_columns,
    )
    program = Program(
        captured=captured,
        layout=fit.layout,
        mapping=fit.mapping,
        placement=placement,
        chip=chip,
        seed=instance.seed,
        frames=seen,
        warnings=(*captured.warnings, *notes, *end_warnings(ends), *frame_warnings(seen, sent)),
        choice=replace(choice, packed=fit.packed),
        compiled=None if routes is None else routes.compiled(graph, fit.mapping, chip, programmed.calibration.ranges),
    )
    on_chip = None if len(products) == len(captured.products) else frozenset(product.name for product in products)
    return Deployed(program, ChipSide(fit.layout, programmed, ends), on_chip)


def _check_chips(fit: _Fit, limit: int | None) -> None:
    """Refuse a mapping on more chips than allowed; the first layer beyond them is named."""
    if limit is None or fit.placement.chips <= limit:
        return
    tiles = zip(fit.mapping.tiles, fit.placement.places, strict=True)
    layer = next(tile.wp1.layer for tile, place in tiles if place.chip >= limit)
    own = sum(tile.wp1.layer == layer for tile in fit.mapping.tiles)
    mapped = fit.mapping.layer(layer)
    raise CapacityError(
        f"layer {layer} ({mapped.rows} x {mapped.columns}, {own} tiles in {mapped.encoding}) does not fit: the network "
        f"takes {len(fit.mapping.tiles)} tiles on {fit.placement.chips} chips, {limit} may be used",
        "Allow more chips, map with encoding='2-PCM', or keep layers digital",
    )


@dataclass(frozen=True)
class _Fit:
    """A network cut, mapped and placed."""

    packed: tuple[str, ...]
    layout: Layout
    mapping: TileMapping
    placement: Placement


def chains_of(chains: Sequence[Chain], products: Sequence[MatrixProduct]) -> tuple[Chain, ...]:
    """Return the chains whose products are all on the chip."""
    names = {product.name for product in products}
    return tuple(chain for chain in chains if names.issuperset(chain.products))


def _fit(
    choice: CompileChoice, products: Sequence[MatrixProduct], chains: Sequence[Chain], chip: ChipSpec, packed: bool
) -> _Fit:
    options, tile = choice.options, (chip.tile.rows, chip.tile.columns)
    handed = {name for chain in chains for name in chain.products}
    small = tuple(p.name for p in products if packed and options[p.name].may_share and p.name not in handed)
    layout = layers_of(choice.name, products, tile, sharing(options, small), chains)
    chosen = {layer.name: options[layout.pieces_of(layer.name)[0][0]] for layer in layout.graph.layers}
    mapping = map_network(layout.graph, chip, chosen)
    return _Fit(small, layout, mapping, place_direct(mapping, chip))


def _best_fit(
    choice: CompileChoice, products: Sequence[MatrixProduct], chains: Sequence[Chain], chip: ChipSpec
) -> tuple[_Fit, tuple[str, ...]]:
    """Map and place; with `auto`, pack where that saves a chip. Returns the warnings too."""
    apart = _fit(choice, products, chains, chip, choice.pack is True)
    if choice.pack != "auto" or apart.placement.chips == 1:
        return apart, ()
    together = _fit(choice, products, chains, chip, True)
    if together.placement.chips >= apart.placement.chips:
        return apart, ()
    chips = f"{together.placement.chips} instead of {apart.placement.chips} chips"
    return together, (f"layers share tiles, {chips} (pack=False keeps them apart)",)
