"""`pcmesh.compile`: from an nn.Module to an nn.Module that runs on the chip."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from torch import nn

from pcmesh.checks import Count, CountOrNone, Names, Seed, Share, checked
from pcmesh.compiled import CompiledNetwork
from pcmesh.deployed.calibration_data.extremes import ExtremeProducts
from pcmesh.deployed.calibration_data.frames import Frames, record_frames
from pcmesh.deployed.calibration_data.warnings import frame_warnings
from pcmesh.deployed.chip import CalibrationKind, calibrate
from pcmesh.deployed.choices.hand_over_choice import kept_apart
from pcmesh.deployed.choices.options import Pin, ProductOptions, sharing
from pcmesh.deployed.choices.pins import known_products, pinned_options
from pcmesh.deployed.choices.routes import Routes
from pcmesh.deployed.ends import Ends, end_warnings, ends_of, programmed_products, sent_frames
from pcmesh.deployed.model import ChipModel, CompileChoice, Deployment, Pack
from pcmesh.deployed.side import ChipSide
from pcmesh.errors import CapacityError
from pcmesh.execution.paths import route_paths
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.lowering import Pass, lowered, prepared
from pcmesh.lowering.hand_over import hand_over as pass_hand_over
from pcmesh.lowering.hand_over import possible_chains
from pcmesh.mapping import Encoding
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.mapping.mapper import map_network
from pcmesh.mapping.packing import Layout, layers_of
from pcmesh.network.capture import Way, capture
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork, Pins
from pcmesh.network.products import Chain, MatrixProduct
from pcmesh.physics.fabrication import Instance
from pcmesh.placement import Placement
from pcmesh.placement.direct import place_direct
from pcmesh.programming.chip import fabricate


@checked
def compile_model(
    model: nn.Module,
    example_inputs: Any,
    chip: str | Path | ChipSpec = "nature2023",
    *,
    calibration: Iterable[Any] | None = None,
    layers: Mapping[str, Pin] | None = None,
    encoding: Encoding | Literal["2-PCM", "4-PCM", "AB"] = Encoding.AB,
    pack: Pack = "auto",
    max_chips: Count | None = None,
    scale_columns: bool = True,
    columns: CalibrationKind = "auto",
    lowering: Sequence[Pass] = (),
    route: bool = False,
    hand_over: bool | Literal["auto"] = False,
    seed: Seed = 0,
    number: Seed = 0,
    batch_dim: CountOrNone | None = 0,
    dynamic_shapes: Any = None,
    capture_by: Way = "auto",
    frames: Count = 2000,
    clipped_share: Share = 0.001,
    name: str | None = None,
    only: Names | None = None,
) -> ChipModel:
    """Compile a network for the chip, program one chip instance with it and calibrate it.

    Args:
        model: any module; it is copied, put into evaluation mode and not changed.
        example_inputs: what it is called with: a tensor, a tuple of arguments, or a mapping of keyword arguments.
        chip: preset, TOML file or `ChipSpec`; as many chips are used as needed.
        calibration: batches like `example_inputs` from the user's own data; by default the example inputs.
        layers: qualified name of a module or product -> its encoding or options, or `"digital"`; more rows than
            inputs as `"AB,copies=4"` or `"AB,expand=1024"`. An embedding is digital unless named with an encoding.
        encoding: of the layers that are not named. AB cancels asymmetries, 2-PCM holds twice the weights a tile.
        pack: put what does not fill a tile side by side on shared tiles: fewer chips, a coarser range; `auto` does so
            where it saves a chip.
        max_chips: the most chips that may be used.
        scale_columns: write each column with the gain that conductances and capacitors allow, undone by its read-out;
            columns that are calibrated by their devices have none (nothing digital undoes it).
        columns: how columns are calibrated: `read-out`, an affine map of their codes; `analog`, by their devices
            (slopes, bias rows, zero level); `none`, not at all; `auto`, by their devices where pulses go from tile to
            tile, by their codes elsewhere.
        lowering: passes that change the network before it is mapped, in order (`pcmesh.lowering`): `JoinRecurrent`,
            `CollapseEmbedding`, `CentreInputs`.
        route: find places and ways through the mesh for all layers, write the controllers' programs, and let pulses
            widen on their ways (seconds for each chip, and slower runs); otherwise tiles are side by side.
        hand_over: send pulses from tile to tile where only a ReLU, hard sigmoid or hard tanh stands between two layers,
            as the paper's keyword network does: nothing is counted or computed between them, and their columns are
            calibrated by their devices (slopes, bias rows, zero level). Ramps make these activations where pulses are
            counted, too. Faster; what it costs in accuracy, `evaluate` says. `"auto"`: only those
            chains that err on the calibration frames at most a tenth more than with digital ends (each is programmed
            twice, see docs/any-network.md).
        seed, number: which chip instance.
        batch_dim: dimension of the samples in the inputs; None where there are none (then it must be said).
        dynamic_shapes: of `torch.export`, where more than the batch shall be free.
        capture_by: see `pcmesh.network.capture.capture`.
        frames: calibration frames kept for each layer (paper: 2,000).
        clipped_share: share of a layer's outputs allowed beyond its range: they are clipped, on the chip `ideal`
            too. With 0.0 nothing of the calibration data is.
        name: of the network, for people; by default its class.
        only: products that are programmed, while the others are computed in software; None: all.

    Raises:
        InputError: the network does not run with the example inputs, they lack the dimension of the samples, or a value
            of the calibration data is NaN.
        UnsupportedModelError: it cannot be captured, or a parameter is NaN; it is named.
        CapacityError: a layer does not fit or finds no way; the message says what is short by how much.
        ConfigurationError: a pin or a pass names no layer, an argument is not what its annotation says, or a read-out
            is asked for where pulses go from tile to tile.
        VerificationError: with a pass the network gives something else for the example inputs.

    Example:
        >>> chip_model = pcmesh.compile(model, example_inputs)
        >>> print(chip_model.summary())
        >>> logits = chip_model(x)
    """
    spec = chip if isinstance(chip, ChipSpec) else load_chip(chip)
    examples = Examples.of(example_inputs, batch_dim)
    pins = dict(layers or {})
    places: Pins = {entry: "digital" if pin == "digital" else "analog" for entry, pin in pins.items()}
    tile = (spec.tile.rows, spec.tile.columns)
    captured = capture(prepared(model, lowering), examples, tile, places, dynamic_shapes, capture_by)
    captured = lowered(captured, lowering, model)
    options = pinned_options(captured, pins, Encoding(encoding))
    looking = partial(_extremes, captured, options, tile if clipped_share == 0 else None)
    captured = pass_hand_over(captured) if hand_over is True else captured
    seen = record_frames(captured, calibration, frames, looking)
    choice = CompileChoice(
        name=name or type(model).__name__,
        options=options,
        pins=places,
        pack=pack,
        clipped_share=clipped_share,
        scale_columns=scale_columns,
        columns=columns,
        max_chips=max_chips,
        route=route,
        hand_over=hand_over is not False,
    )
    if hand_over == "auto":
        apart = kept_apart(captured, seen, choice, spec, seed)
        captured = pass_hand_over(captured, apart) if possible_chains(captured) else captured
    known_products(options, only or ())
    return deploy(captured, seen, choice, spec, Instance(seed, number), only)


def _extremes(
    captured: CapturedNetwork, options: Mapping[str, ProductOptions], tile: tuple[int, int] | None
) -> ExtremeProducts:
    """Return what looks for vectors that need the largest range; with a tile's size all of them as they are mapped."""
    if tile is None:
        return ExtremeProducts(captured.weights, dict.fromkeys(captured.weights, Ends()))
    return ExtremeProducts(captured.weights, ends_of(captured.products, options), tile)


def deploy(
    captured: CapturedNetwork,
    seen: Frames,
    choice: CompileChoice,
    chip: ChipSpec,
    instance: Instance,
    only: Collection[str] | None = None,
    known: CompiledNetwork | None = None,
) -> ChipModel:
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
    deployment = Deployment(
        captured=captured,
        layout=fit.layout,
        mapping=fit.mapping,
        placement=placement,
        chip=chip,
        instance=instance,
        frames=seen,
        warnings=(*captured.warnings, *notes, *end_warnings(ends), *frame_warnings(seen, sent)),
        choice=replace(choice, packed=fit.packed),
        compiled=None if routes is None else routes.compiled(graph, fit.mapping, chip, programmed.calibration.ranges),
    )
    on_chip = None if len(products) == len(captured.products) else frozenset(product.name for product in products)
    return ChipModel(deployment, ChipSide(fit.layout, programmed, ends), only=on_chip)


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
