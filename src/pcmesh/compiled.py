"""A compiled network, and how it is kept: a directory of JSON and safetensors files."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from pcmesh.calibration.nominal import nominal_ramps
from pcmesh.calibration.ranges import LayerRange
from pcmesh.errors import InputError, PcmeshError
from pcmesh.files.artefact import Artefact
from pcmesh.files.folders import MANIFEST, ROUTED, Write, lists, read_folder, write_folder
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping
from pcmesh.microcode.types import Microcode
from pcmesh.network import AnalogLayer, DigitalOperation, LayerGraph, Vector
from pcmesh.physics.column import RampSetting
from pcmesh.placement import Placement
from pcmesh.routing import Routing
from pcmesh.routing.verify import verify_routing

_WEIGHTS = "weights.safetensors"
_FILES = ("network.json", "mapping.json", "placement.json", "routing.json", "microcode.json", _WEIGHTS)


class _Summary(Artefact):
    """What is in `network.json`: everything small."""

    name: str
    vectors: tuple[Vector, ...]
    layers: tuple[AnalogLayer, ...]
    digital: tuple[DigitalOperation, ...]
    ranges: dict[str, LayerRange]
    chip: ChipSpec


@dataclass(frozen=True)
class CompiledNetwork:
    """A network with a place for every weight, a way for every vector and a program for every controller.

    It fits any instance of the chip; `ranges` are nominal, and a calibrated instance has its own.
    """

    chip: ChipSpec
    graph: LayerGraph
    mapping: Mapping
    placement: Placement
    routing: Routing
    ranges: Dict[str, LayerRange]
    microcode: Microcode

    @property
    def ramps(self) -> dict[int, RampSetting]:
        """Nominal ramp of every group."""
        return nominal_ramps(self.mapping, self.chip, self.ranges)

    def save(self, folder: Path, report: str | None = None, force: bool = False) -> None:
        """Write the directory, whole or not at all; one that pcmesh wrote before is replaced.

        Args:
            folder: where.
            report: a page of HTML that goes with it.
            force: also into a folder of something else; what is in it stays.

        Raises:
            InputError: the place is taken by something else, or cannot be written.
        """
        write_folder(folder, compiled_files(self, report), force)


def compiled_files(compiled: CompiledNetwork, report: str | None = None) -> dict[str, Write]:
    """Return the files of the layers with routes: name -> what writes it."""
    summary = _Summary(
        name=compiled.graph.name,
        vectors=compiled.graph.vectors,
        layers=compiled.graph.layers,
        digital=compiled.graph.digital,
        ranges=dict(compiled.ranges),
        chip=compiled.chip,
    )
    parts: dict[str, Artefact] = {
        "network": summary,
        "microcode": compiled.microcode,
        "mapping": compiled.mapping,
        "placement": compiled.placement,
        "routing": compiled.routing,
    }
    weights = {name: weight.contiguous() for name, weight in compiled.graph.weights.items()}
    files: dict[str, Write] = {f"{name}.json": json_writer(part) for name, part in parts.items()}
    files[_WEIGHTS] = partial(save_file, weights)
    if report is not None:
        files["report.html"] = lambda path: path.write_text(report, encoding="utf-8")
    return {f"{ROUTED}/{name}": write for name, write in files.items()}


def json_writer(artefact: Artefact) -> Write:
    """Return what writes an artefact as JSON."""
    return lambda path: path.write_text(artefact.model_dump_json(), encoding="utf-8")


def load_compiled(folder: Path) -> CompiledNetwork:
    """Read the layers with routes of a folder and check them; nothing in the folder is executed.

    Raises:
        InputError: it is missing, incomplete, of another format or damaged; the file is named.
        VerificationError: an artefact was edited so that it breaks its own rules.
    """
    if not (folder / MANIFEST).exists() and folder.name == ROUTED and (folder.parent / MANIFEST).exists():
        folder = folder.parent
    if not lists(folder, f"{ROUTED}/network.json"):
        raise InputError(
            f"{folder}: holds no routes; `pcmesh summary` and `pcmesh evaluate` need none",
            "Compile it with --route (route=True) to have wires and programs",
        )
    return compiled_of(read_folder(folder, lambda _: [f"{ROUTED}/{name}" for name in _FILES]), folder)


def compiled_of(files: Dict[str, bytes], folder: Path) -> CompiledNetwork:
    """Return the compiled network of a folder's files, checked.

    Raises:
        InputError, VerificationError: as `load_compiled`.
    """
    files = {name.removeprefix(f"{ROUTED}/"): text for name, text in files.items() if name.startswith(f"{ROUTED}/")}
    folder = folder / ROUTED
    summary = _Summary.of_json(files["network.json"], folder / "network.json")
    weights = tensors_of(files[_WEIGHTS], folder / _WEIGHTS)
    missing = sorted({layer.name for layer in summary.layers} - weights.keys())
    if missing:
        raise InputError(f"{folder / _WEIGHTS}: lacks the weights of {missing[0]!r}", "Compile it again")
    graph = LayerGraph(summary.name, summary.vectors, summary.layers, summary.digital, weights)
    found = CompiledNetwork(
        chip=summary.chip,
        graph=graph,
        mapping=Mapping.of_json(files["mapping.json"], folder / "mapping.json"),
        placement=Placement.of_json(files["placement.json"], folder / "placement.json"),
        routing=Routing.of_json(files["routing.json"], folder / "routing.json"),
        ranges=summary.ranges,
        microcode=Microcode.of_json(files["microcode.json"], folder / "microcode.json"),
    )
    try:
        _verify(found)
    except PcmeshError as error:
        raise type(error)(f"{folder}: {error.problem}", error.remedy or "Compile it again") from error
    except (LookupError, TypeError, ValueError, ArithmeticError, AssertionError, StopIteration) as error:
        raise InputError(
            f"{folder}: its files do not fit one another ({type(error).__name__}: {error})", "Compile it again"
        ) from error
    return found


def tensors_of(content: bytes, path: Path, finite: bool = True) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file; with `finite` none holds NaN or infinity.

    Raises:
        InputError: it is no such file; `path` is named.
    """
    try:
        found = dict(load(content))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read ({error})", "Compile it again") from error
    for name, tensor in found.items():
        if finite and tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path}: {name} holds NaN or infinity", "Compile it again")
    return found


def _verify(found: CompiledNetwork) -> None:
    """Check the parts, and that they fit one another."""
    found.graph.verify()
    found.mapping.verify()
    found.placement.verify(found.mapping, found.chip)
    chips = [entry.chip for entry in found.routing.chips]
    if chips != list(range(found.placement.chips)) or [entry.chip for entry in found.microcode.chips] != chips:
        raise InputError("routes, programs and places are of different chips", "Compile it again")
    verify_routing(found.routing, found.mapping, found.placement, found.graph, found.chip)
    found.microcode.verify(found.chip)
    mapped = {entry.layer: (entry.rows, entry.columns) for entry in found.mapping.layers}
    for layer in found.graph.layers:
        if mapped.get(layer.name) != tuple(found.graph.weights[layer.name].shape):
            raise InputError(f"layer {layer.name!r} is not mapped as it is", "Compile it again")
        if layer.name not in found.ranges:
            raise InputError(f"layer {layer.name!r} has no range", "Compile it again")
