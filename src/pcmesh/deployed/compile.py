"""`pcmesh.compile`: from an nn.Module to an nn.Module that runs on the chip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from torch import nn

from pcmesh.checks import Count, CountOrNone, Names, Seed, Share, checked
from pcmesh.deployed.calibration_data.extremes import ExtremeProducts
from pcmesh.deployed.calibration_data.frames import record_frames
from pcmesh.deployed.chip import CalibrationKind
from pcmesh.deployed.choices.options import Pin, ProductOptions
from pcmesh.deployed.choices.pins import known_products, pinned_options
from pcmesh.deployed.deploy import deploy
from pcmesh.deployed.ends import Ends, ends_of
from pcmesh.deployed.hand_over_choice import kept_apart
from pcmesh.deployed.model import ChipModel
from pcmesh.deployed.program import CompileChoice, Pack
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.lowering import Pass, lowered, prepared
from pcmesh.lowering.hand_over import hand_over as pass_hand_over
from pcmesh.lowering.hand_over import possible_chains
from pcmesh.mapping import Encoding
from pcmesh.network.capture import Way, capture
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork, Pins
from pcmesh.physics.fabrication import Instance


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
    found = deploy(captured, seen, choice, spec, Instance(seed, number), only)
    return ChipModel(found.program, found.side, only=found.only)


def _extremes(
    captured: CapturedNetwork, options: Mapping[str, ProductOptions], tile: tuple[int, int] | None
) -> ExtremeProducts:
    """Return what looks for vectors that need the largest range; with a tile's size all of them as they are mapped."""
    if tile is None:
        return ExtremeProducts(captured.weights, dict.fromkeys(captured.weights, Ends()))
    return ExtremeProducts(captured.weights, ends_of(captured.products, options), tile)
