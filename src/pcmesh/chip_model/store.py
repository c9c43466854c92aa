"""A chip model as a folder: JSON, safetensors with conductances, read-out and frames, and the exported network."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pcmesh.artefact import Artefact
from pcmesh.calibration.affine import Readout
from pcmesh.calibration.nominal import nominal_ramps
from pcmesh.calibration.procedure import Calibration
from pcmesh.calibration.ranges import LayerRange
from pcmesh.checks import checked
from pcmesh.chip import ChipSpec
from pcmesh.chip_model.calibration_frames import Frames
from pcmesh.chip_model.ends import ends_of, programmed_products
from pcmesh.chip_model.model import ChipModel, Choice, Deployment
from pcmesh.chip_model.options import ProductOptions, sharing
from pcmesh.chip_model.side import ChipSide
from pcmesh.compiled import load_compiled
from pcmesh.deployed import Chip
from pcmesh.errors import InputError
from pcmesh.execution.paths import route_paths
from pcmesh.files import whole_folder
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.mapping.balance import Balance
from pcmesh.mapping.packing import layers_of
from pcmesh.model.capture import capture
from pcmesh.model.eager import EagerNetwork
from pcmesh.model.examples import Examples
from pcmesh.model.exported import CapturedNetwork, Pins, capture_program
from pcmesh.physics.fabrication import Instance
from pcmesh.placement import Placement
from pcmesh.programming.chip import fabricate
from pcmesh.programming.targets import LayerTargets

FORMAT = 1
ROUTED = "routed"
"""Folder of the layers with routes and programs, which `pcmesh inspect`, `disasm` and `verify` read."""
_WEIGHTS, _EXAMPLES = "network.safetensors", "examples.pt"
MANIFEST = "chip_model.json"
_NETWORK, _CHIP, _FRAMES = "network.pt2", "chip.safetensors", "frames.safetensors"


class _Stored(Artefact):
    """What is in `chip_model.json`."""

    format: int
    name: str
    chip: ChipSpec
    seed: int
    number: int
    batch_dim: int | None
    pins: Pins
    tied: dict[str, tuple[str, ...]]
    packed: tuple[str, ...]
    options: dict[str, ProductOptions]
    clipped_share: float
    balanced: bool
    max_chips: int | None
    mapping: TileMapping
    placement: Placement
    ranges: dict[str, LayerRange]
    readouts: dict[str, int]
    pulses: int
    age_s: float
    vectors: dict[str, float]
    samples: int
    completed: tuple[str, ...]
    warnings: tuple[str, ...]
    noisy: bool
    routed: bool = False
    own_code: bool = False


def save_model(model: ChipModel, folder: Path) -> None:
    """Write a chip model, whole or not at all; a folder that pcmesh wrote before is replaced.

    Of a network that runs its own Python code all is written but the code.

    Raises:
        InputError: the place is taken or cannot be written.
    """
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise InputError(f"{folder}: exists and is no chip model", "Name another folder")
    with whole_folder(folder) as partial:
        (partial / MANIFEST).write_text(_stored(model).model_dump_json(), encoding="utf-8")
        save_file(_chip_tensors(model), partial / _CHIP)
        save_file({name: x.contiguous() for name, x in model.deployment.frames.inputs.items()}, partial / _FRAMES)
        _save_network(model.deployment.captured, partial)
        if model.deployment.compiled is not None:
            model.deployment.compiled.save(partial / ROUTED)


@checked
def load_model(folder: str | Path, network: nn.Module | None = None) -> ChipModel:
    """Read a chip model that `ChipModel.save` wrote: the same conductances, the same read-out, the same results.

    Args:
        folder: where it is.
        network: the code of a network that runs its own; its weights are read from the folder.

    Raises:
        InputError: it is missing, damaged or of another format (the file is named), or the network's code is missing
            or another one's.
    """
    place = Path(folder)
    if not (place / MANIFEST).is_file():
        raise InputError(f"{place}: no chip model", "Make one with `pcmesh compile FILE.py:FUNCTION -o DIR`")
    stored = _Stored.load(place / MANIFEST)
    if stored.format != FORMAT:
        raise InputError(f"{place}: format {stored.format}, this version reads {FORMAT}", "Compile it anew")
    captured = _own_code(place, stored, network) if stored.own_code else _captured(place, stored)
    tensors, frames = _tensors(place / _CHIP), _tensors(place / _FRAMES)
    balances = {name: Balance(tensors[f"rows/{name}"], tensors[f"columns/{name}"]) for name in stored.vectors}
    tile = (stored.chip.tile.rows, stored.chip.tile.columns)
    ends = ends_of(captured.products, stored.options, balances if stored.balanced else {})
    packed = sharing(stored.options, stored.packed)
    layout = layers_of(stored.name, programmed_products(captured.products, ends), tile, packed)
    instance = Instance(stored.seed, stored.number)
    compiled = load_compiled(place / ROUTED) if stored.routed else None
    deployment = Deployment(
        captured=captured,
        layout=layout,
        mapping=stored.mapping,
        placement=stored.placement,
        chip=stored.chip,
        instance=instance,
        frames=Frames(frames, stored.vectors, stored.samples, stored.completed, balances),
        warnings=stored.warnings,
        choice=Choice(
            name=stored.name,
            options=stored.options,
            pins=stored.pins,
            pack=bool(stored.packed),
            packed=stored.packed,
            clipped_share=stored.clipped_share,
            balance=stored.balanced,
            max_chips=stored.max_chips,
            route=stored.routed,
        ),
        compiled=compiled,
    )
    weights = layout.graph.weights
    programmed = replace(
        fabricate(stored.chip, instance, stored.mapping, stored.placement),
        targets={name: LayerTargets.nominal(w, stored.ranges[name].max_weight) for name, w in weights.items()},
        g={tile.index: tensors[f"g/{tile.index}"] for tile in stored.mapping.tiles},
        pulses=stored.pulses,
        age_s=stored.age_s,
    )
    readouts = {
        layer: tuple(
            Readout(tensors[f"slope/{layer}/{bank}"], tensors[f"offset/{layer}/{bank}"]) for bank in range(count)
        )
        for layer, count in stored.readouts.items()
    }
    paths = None if compiled is None else route_paths(compiled.routing, stored.mapping, stored.chip, instance)
    ramps = nominal_ramps(stored.mapping, stored.chip, stored.ranges)
    calibration = Calibration(stored.ranges, dict.fromkeys(stored.ranges, 1.0), ramps)
    products = Chip(layout.graph, programmed, calibration, paths, readouts)
    return ChipModel(deployment, ChipSide(layout, products, ends), stored.noisy)


def _stored(model: ChipModel) -> _Stored:
    deployment, chip = model.deployment, model.side.chip
    return _Stored(
        format=FORMAT,
        name=deployment.choice.name,
        chip=deployment.chip,
        seed=deployment.instance.seed,
        number=deployment.instance.number,
        batch_dim=deployment.captured.examples.batch_dim,
        pins=dict(deployment.choice.pins),
        tied=dict(deployment.captured.tied),
        packed=deployment.choice.packed,
        options=dict(deployment.choice.options),
        clipped_share=deployment.choice.clipped_share,
        balanced=deployment.choice.balance,
        max_chips=deployment.choice.max_chips,
        mapping=deployment.mapping,
        placement=deployment.placement,
        ranges=dict(chip.calibration.ranges),
        readouts={name: len(found) for name, found in chip.readouts.items()},
        pulses=chip.network.pulses,
        age_s=chip.network.age_s,
        vectors=dict(deployment.frames.vectors),
        samples=deployment.frames.samples,
        completed=deployment.frames.completed,
        warnings=deployment.warnings,
        noisy=model.noisy,
        routed=deployment.compiled is not None,
        own_code=deployment.captured.program is None,
    )


def _chip_tensors(model: ChipModel) -> dict[str, Tensor]:
    chip = model.side.chip
    found = {f"g/{tile}": g.contiguous() for tile, g in chip.network.g.items()}
    for layer, readouts in chip.readouts.items():
        for bank, readout in enumerate(readouts):
            found[f"slope/{layer}/{bank}"] = readout.slope.contiguous()
            found[f"offset/{layer}/{bank}"] = readout.offset.contiguous()
    for name, factors in model.deployment.frames.balances.items():
        found[f"rows/{name}"], found[f"columns/{name}"] = factors.rows.contiguous(), factors.columns.contiguous()
    return found


def _save_network(captured: CapturedNetwork, folder: Path) -> None:
    if captured.program is not None:
        torch.export.save(captured.program, folder / _NETWORK)
        return
    assert isinstance(captured.module, EagerNetwork)
    state = {name: x.detach().clone().contiguous() for name, x in captured.module.network.state_dict().items()}
    save_file(state, folder / _WEIGHTS)
    torch.save((captured.examples.args, dict(captured.examples.kwargs)), folder / _EXAMPLES)


def _own_code(place: Path, stored: _Stored, network: nn.Module | None) -> CapturedNetwork:
    if network is None:
        raise InputError(
            f"{place}: this network runs its own Python code, which no file holds",
            "Give the code: pcmesh.load(folder, network=make_model()), or --code FILE.py:FUNCTION",
        )
    own = copy.deepcopy(network)
    try:
        own.load_state_dict(_tensors(place / _WEIGHTS))
    except RuntimeError as error:
        line = str(error).splitlines()[-1].strip()
        raise InputError(f"{place}: is of another network ({line})", "Give the code that was compiled") from error
    try:
        args, kwargs = torch.load(place / _EXAMPLES, weights_only=True)
    except Exception as error:
        raise InputError(f"{place / _EXAMPLES}: cannot be read ({error})", "Compile it anew") from error
    tile = (stored.chip.tile.rows, stored.chip.tile.columns)
    found = capture(own, Examples.of_size(tuple(args), kwargs, stored.batch_dim), tile, stored.pins, None, "eager")
    if list(found.weights) != list(stored.vectors):
        raise InputError(f"{place}: the network's code has other layers now", "Give the code that was compiled")
    return replace(found, warnings=stored.warnings)


def _captured(place: Path, stored: _Stored) -> CapturedNetwork:
    try:
        program = torch.export.load(place / _NETWORK)
    except Exception as error:
        raise InputError(f"{place / _NETWORK}: cannot be read ({error})", "Compile it anew") from error
    args, kwargs = program.example_inputs
    tile = (stored.chip.tile.rows, stored.chip.tile.columns)
    given = Examples.of_size(tuple(args), kwargs, stored.batch_dim)
    return capture_program(program, given, tile, stored.pins, stored.tied)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error})", "Compile it anew") from error
