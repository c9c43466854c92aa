"""A compiled network, and how it is kept: a directory of JSON and safetensors files."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pcmesh.artefact import Artefact
from pcmesh.calibration.nominal import nominal_ramps
from pcmesh.calibration.ranges import LayerRange
from pcmesh.chip import ChipSpec
from pcmesh.errors import InputError
from pcmesh.files import whole_folder
from pcmesh.mapping import Mapping
from pcmesh.microcode.types import Microcode
from pcmesh.model import AnalogLayer, DigitalOperation, LayerGraph, Vector
from pcmesh.physics.column import RampSetting
from pcmesh.placement import Placement
from pcmesh.routing import Routing

FORMAT = 1
_WEIGHTS = "weights.safetensors"


class _Summary(Artefact):
    """What is in `network.json`: everything small."""

    format: int
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

    def save(self, folder: Path) -> None:
        """Write the directory, whole or not at all; one that pcmesh wrote before is replaced.

        Raises:
            InputError: the place is taken by something else, or cannot be written.
        """
        if folder.exists() and not (folder / "network.json").is_file():
            raise InputError(f"{folder}: exists and is no compiled network", "Name another folder")
        with whole_folder(folder) as partial:
            self._write(partial)

    def _write(self, folder: Path) -> None:
        summary = _Summary(
            format=FORMAT,
            name=self.graph.name,
            vectors=self.graph.vectors,
            layers=self.graph.layers,
            digital=self.graph.digital,
            ranges=dict(self.ranges),
            chip=self.chip,
        )
        parts = {"mapping": self.mapping, "placement": self.placement, "routing": self.routing}
        for name, artefact in {"network": summary, "microcode": self.microcode, **parts}.items():
            (folder / f"{name}.json").write_text(artefact.model_dump_json(), encoding="utf-8")
        save_file({name: weight.contiguous() for name, weight in self.graph.weights.items()}, folder / _WEIGHTS)


def load_compiled(folder: Path) -> CompiledNetwork:
    """Read a directory written by `CompiledNetwork.save` and check it.

    Raises:
        InputError: it is missing, incomplete, of another format or damaged; the file is named.
        VerificationError: an artefact was edited so that it breaks its own rules.
    """
    if not (folder / "network.json").is_file():
        raise InputError(f"{folder}: no compiled network", "Make one with `pcmesh compile kws -o DIR`")
    summary = _Summary.load(folder / "network.json")
    if summary.format != FORMAT:
        raise InputError(f"{folder}: format {summary.format}, this version reads {FORMAT}", "Compile it anew")
    try:
        weights = load_file(folder / _WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder / _WEIGHTS}: cannot be read ({error})", "Compile it anew") from error
    missing = sorted({layer.name for layer in summary.layers} - weights.keys())
    if missing:
        raise InputError(f"{folder / _WEIGHTS}: lacks the weights of {missing[0]!r}", "Compile it anew")
    graph = LayerGraph(summary.name, summary.vectors, summary.layers, summary.digital, weights)
    loaded = CompiledNetwork(
        chip=summary.chip,
        graph=graph,
        mapping=Mapping.load(folder / "mapping.json"),
        placement=Placement.load(folder / "placement.json"),
        routing=Routing.load(folder / "routing.json"),
        ranges=summary.ranges,
        microcode=Microcode.load(folder / "microcode.json"),
    )
    graph.verify()
    loaded.mapping.verify()
    loaded.placement.verify(loaded.mapping, loaded.chip)
    loaded.microcode.verify(loaded.chip)
    return loaded
