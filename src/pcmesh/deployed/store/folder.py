"""A chip model as a folder: JSON, safetensors with conductances, read-out and frames, and the network as data."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from safetensors.torch import save_file
from torch import Tensor, nn

from pcmesh.calibration.affine import Readout
from pcmesh.calibration.nominal import nominal_ramps
from pcmesh.calibration.procedure import Calibration
from pcmesh.compiled import compiled_files, compiled_of, json_writer, tensors_of
from pcmesh.deployed.calibration_data.frames import Frames
from pcmesh.deployed.chip import Chip
from pcmesh.deployed.choices.options import sharing
from pcmesh.deployed.ends import ends_of, programmed_products
from pcmesh.deployed.program import CompileChoice, Program
from pcmesh.deployed.side import ChipSide
from pcmesh.deployed.store.description import StoredChain, StoredModel, check_stored, check_tensors
from pcmesh.deployed.store.graph import pack, read_program, unpack, write_program
from pcmesh.deployed.store.passes import passes_of, stored_passes
from pcmesh.errors import InputError, PcmeshError
from pcmesh.execution.paths import route_paths
from pcmesh.files.folders import ROUTED, Manifest, Write, lists, read_folder, write_folder
from pcmesh.lowering import Pass, passed, prepared
from pcmesh.lowering.hand_over import hand_over
from pcmesh.mapping.packing import layers_of
from pcmesh.network.capture import capture
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork, capture_program
from pcmesh.network.own_code.capture import EagerNetwork
from pcmesh.physics.fabrication import Instance
from pcmesh.programming.chip import fabricate
from pcmesh.programming.targets import LayerTargets

_JSON, _CHIP, _FRAMES = "chip_model.json", "chip.safetensors", "frames.safetensors"
_NETWORK, _WEIGHTS = "network.json", "network.safetensors"
_ALWAYS = (_JSON, _CHIP, _FRAMES, _NETWORK, _WEIGHTS)
_EXAMPLES = "examples/"


class Stored(NamedTuple):
    """What a folder holds: the parts of a chip model."""

    program: Program
    side: ChipSide
    noisy: bool


def save_model(
    program: Program, side: ChipSide, noisy: bool, folder: Path, report: str | None = None, force: bool = False
) -> None:
    """Write a chip model, whole or not at all; a folder that pcmesh wrote before is replaced.

    Of a network that runs its own Python code all is written but the code.

    Args:
        program: the compiled network.
        side: the chip that is programmed with it.
        noisy: whether reading is noisy.
        folder: where.
        report: a page of HTML that goes with its routed layers.
        force: also into a folder of something else; what is in it stays.

    Raises:
        InputError: the place is taken or cannot be written, or the network holds what no folder holds.
    """
    frames = {name: x.contiguous() for name, x in program.frames.inputs.items()}
    files: dict[str, Write] = {
        _JSON: json_writer(_stored(program, side.chip, noisy)),
        _CHIP: partial(save_file, _chip_tensors(side.chip)),
        _FRAMES: partial(save_file, frames),
        **_network_files(program.captured),
    }
    if program.compiled is not None:
        files |= compiled_files(program.compiled, report)
    write_folder(folder, files, force)


def read_model(place: Path, network: nn.Module | None = None) -> Stored:
    """Read what `save_model` wrote; `network`: the code of a network that runs its own.

    Raises:
        InputError: it is missing, damaged or of another format (the file is named), or the network's code is missing
            or another one's.
    """
    if not is_programmed(place):
        raise InputError(
            f"{place}: no chip is programmed with it, so that it cannot be run; `pcmesh summary`, `inspect`, `disasm`, "
            "`verify` and `perf` read it",
            "Compile kws, or a network of your own: `pcmesh compile FILE.py:FUNCTION -o DIR`",
        )
    files = read_folder(place, _wanted)
    try:
        return _model_of(files, place, network)
    except PcmeshError:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError, RuntimeError) as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise InputError(
            f"{place}: its files do not fit one another ({type(error).__name__}: {first[:200]})", "Compile it again"
        ) from error


def is_programmed(folder: Path) -> bool:
    """Return whether a folder of pcmesh holds a programmed chip.

    Raises:
        InputError: it is no such folder.
    """
    return lists(folder, _JSON)


def _wanted(manifest: Manifest) -> tuple[str, ...]:
    return (*_ALWAYS, *(name for name in manifest.files if name.startswith(f"{ROUTED}/") and "report" not in name))


def _model_of(files: Mapping[str, bytes], place: Path, network: nn.Module | None) -> Stored:
    stored = StoredModel.of_json(files[_JSON], place / _JSON)
    check_stored(stored, place / _JSON)
    passes = passes_of(stored.passes, place / _JSON)
    captured = _own_code(files, place, stored, network, passes) if stored.own_code else _captured(files, place, stored)
    captured = passed(captured, passes)
    if list(captured.weights) != list(stored.vectors):
        raise InputError(f"{place}: the network's code has other layers now", "Give the code that was compiled")
    tensors, frames = tensors_of(files[_CHIP], place / _CHIP), tensors_of(files[_FRAMES], place / _FRAMES)
    tile = (stored.chip.tile.rows, stored.chip.tile.columns)
    linear = {name for name, span in stored.ranges.items() if span.linear}
    handed = {name for chain in stored.chains if not linear.issuperset(chain.layers) for name in chain.layers}
    captured = hand_over(captured, captured.weights.keys() - handed, linear) if handed else captured
    ends = ends_of(captured.products, stored.options, captured.chains)
    packed = sharing(stored.options, stored.packed)
    layout = layers_of(stored.name, programmed_products(captured.products, ends), tile, packed, captured.chains)
    instance = Instance(stored.seed, stored.number)
    compiled = compiled_of(files, place) if stored.routed else None
    program = Program(
        captured=captured,
        layout=layout,
        mapping=stored.mapping,
        placement=stored.placement,
        chip=stored.chip,
        seed=stored.seed,
        frames=Frames(frames, stored.vectors, stored.samples, stored.completed),
        warnings=stored.warnings,
        choice=CompileChoice(
            name=stored.name,
            options=stored.options,
            pins=stored.pins,
            pack=bool(stored.packed),
            packed=stored.packed,
            clipped_share=stored.clipped_share,
            scale_columns=stored.scale_columns,
            columns=stored.columns,
            max_chips=stored.max_chips,
            route=stored.routed,
            hand_over=bool(handed),
        ),
        compiled=compiled,
    )
    weights = layout.graph.weights
    gains = {name: tensors[f"gains/{name}"] for name in stored.column_gains}
    targets = {
        name: LayerTargets.nominal(w * gains[name] if name in gains else w, stored.ranges[name].max_weight)
        for name, w in weights.items()
    }
    for name in (name for chain in stored.chains for name in chain.layers):
        slope, bias = tensors[f"targets/slope/{name}"], tensors[f"targets/bias/{name}"]
        targets[name] = replace(targets[name], slope=slope, bias=bias)
    check_tensors(stored, tensors, frames, captured.products, targets, place)
    programmed = replace(
        fabricate(stored.chip, instance, stored.mapping, stored.placement),
        targets=targets,
        g={tile.index: tensors[f"g/{tile.index}"] for tile in stored.mapping.tiles},
        pulses=stored.pulses,
        age_s=stored.age_s,
        bias_written_s={
            tile.index: tensors[f"written/{tile.index}"]
            for tile in stored.mapping.tiles
            if f"written/{tile.index}" in tensors
        },
    )
    readouts = {
        layer: tuple(
            Readout(tensors[f"slope/{layer}/{bank}"], tensors[f"offset/{layer}/{bank}"]) for bank in range(count)
        )
        for layer, count in stored.readouts.items()
    }
    paths = None if compiled is None else route_paths(compiled.routing, stored.mapping, stored.chip, instance)
    products = Chip(layout.graph, programmed, _calibration(stored), paths, readouts, gains)
    return Stored(program, ChipSide(layout, products, ends), stored.noisy)


def _calibration(stored: StoredModel) -> Calibration:
    ramps = nominal_ramps(stored.mapping, stored.chip, stored.ranges)
    found = Calibration(stored.ranges, dict.fromkeys(stored.ranges, 1.0), ramps)
    for chain in stored.chains:
        gains = dict(zip(chain.layers, chain.gains, strict=True))
        of_groups = {
            group.index: ramp
            for name, ramp in zip(chain.layers, chain.ramps, strict=True)
            for group in stored.mapping.groups_of(name)
        }
        found = found.joined(Calibration({}, gains, of_groups), chain.layers[0])
    return found


def _stored(program: Program, chip: Chip, noisy: bool) -> StoredModel:
    return StoredModel(
        name=program.choice.name,
        chip=program.chip,
        seed=chip.network.instance.seed,
        number=chip.network.instance.number,
        batch_dim=program.captured.examples.batch_dim,
        pins=dict(program.choice.pins),
        tied=dict(program.captured.tied),
        packed=program.choice.packed,
        options=dict(program.choice.options),
        clipped_share=program.choice.clipped_share,
        scale_columns=program.choice.scale_columns,
        columns=program.choice.columns,
        max_chips=program.choice.max_chips,
        mapping=program.mapping,
        placement=program.placement,
        ranges=dict(chip.calibration.ranges),
        readouts={name: len(found) for name, found in chip.readouts.items()},
        column_gains=tuple(chip.column_gains),
        pulses=chip.network.pulses,
        age_s=chip.network.age_s,
        vectors=dict(program.frames.vectors),
        samples=program.frames.samples,
        completed=program.frames.completed,
        warnings=program.warnings,
        noisy=noisy,
        routed=program.compiled is not None,
        own_code=program.captured.program is None,
        chains=tuple(_stored_chain(chip, names) for names in _by_devices(chip)),
        passes=stored_passes(program.captured.lowered),
    )


def _stored_chain(chip: Chip, layers: tuple[str, ...]) -> StoredChain:
    calibration, groups = chip.calibration, chip.network.mapping.groups_of
    return StoredChain(
        layers=layers,
        gains=tuple(calibration.gains[name] for name in layers),
        ramps=tuple(calibration.ramps[groups(name)[0].index] for name in layers),
    )


def _by_devices(chip: Chip) -> list[tuple[str, ...]]:
    """Return the layers that are calibrated by their devices, those that hand pulses over together."""
    chains = [tuple(layer.name for layer in chain) for chain in chip.graph.chains()]
    return [names for names in chains if names[0] in chip.calibration.analog]


def _chip_tensors(chip: Chip) -> dict[str, Tensor]:
    found = {f"g/{tile}": g.contiguous() for tile, g in chip.network.g.items()}
    for layer, readouts in chip.readouts.items():
        for bank, readout in enumerate(readouts):
            found[f"slope/{layer}/{bank}"] = readout.slope.contiguous()
            found[f"offset/{layer}/{bank}"] = readout.offset.contiguous()
    for name in (name for names in _by_devices(chip) for name in names):
        targets = chip.network.targets[name]
        found[f"targets/slope/{name}"] = targets.slope.contiguous()
        found[f"targets/bias/{name}"] = targets.bias.contiguous()
    found |= {f"written/{tile}": ages.contiguous() for tile, ages in chip.network.bias_written_s.items()}
    found |= {f"gains/{name}": gains.contiguous() for name, gains in chip.column_gains.items()}
    return found


def _network_files(captured: CapturedNetwork) -> dict[str, Write]:
    if captured.program is not None:
        text, tensors = write_program(captured.program)
    else:
        assert isinstance(captured.module, EagerNetwork)
        state = captured.module.network.state_dict()
        tensors = {name: x.detach().clone().contiguous() for name, x in state.items()}
        arguments: dict[str, Tensor] = {}
        packed = pack((captured.examples.args, dict(captured.examples.kwargs)), arguments, _EXAMPLES)
        text, tensors = json.dumps(packed).encode(), tensors | arguments
    return {_NETWORK: lambda path: path.write_bytes(text), _WEIGHTS: partial(save_file, tensors)}


def _own_code(
    files: Mapping[str, bytes], place: Path, stored: StoredModel, network: nn.Module | None, passes: Sequence[Pass]
) -> CapturedNetwork:
    if network is None:
        raise InputError(
            f"{place}: this network runs its own Python code, which no file holds",
            "Give the code: pcmesh.load(folder, network=make_model()), or --code FILE.py:FUNCTION",
        )
    tensors = tensors_of(files[_WEIGHTS], place / _WEIGHTS, finite=False)
    own = prepared(copy.deepcopy(network), passes)
    try:
        own.load_state_dict({name: x for name, x in tensors.items() if not name.startswith(_EXAMPLES)})
    except RuntimeError as error:
        line = str(error).splitlines()[-1].strip()
        raise InputError(f"{place}: is of another network ({line})", "Give the code that was compiled") from error
    try:
        args, kwargs = unpack(json.loads(files[_NETWORK]), tensors)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{place / _NETWORK}: cannot be read ({error})", "Compile it again") from error
    tile = (stored.chip.tile.rows, stored.chip.tile.columns)
    found = capture(own, Examples.of_size(tuple(args), kwargs, stored.batch_dim), tile, stored.pins, None, "eager")
    return replace(found, warnings=stored.warnings)


def _captured(files: Mapping[str, bytes], place: Path, stored: StoredModel) -> CapturedNetwork:
    tensors = tensors_of(files[_WEIGHTS], place / _WEIGHTS, finite=False)
    try:
        program = read_program(files[_NETWORK], tensors)
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{place / _NETWORK}: cannot be read ({first[:300]})", "Compile it again") from error
    assert program.example_inputs is not None
    args, kwargs = program.example_inputs
    tile = (stored.chip.tile.rows, stored.chip.tile.columns)
    given = Examples.of_size(tuple(args), kwargs, stored.batch_dim)
    return capture_program(program, given, tile, stored.pins, stored.tied)
