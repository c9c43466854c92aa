"""Program: what compiling a network gives, before any chip instance is programmed with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pcmesh.compiled import CompiledNetwork
from pcmesh.deployed.calibration_data.frames import Frames
from pcmesh.deployed.chip import CalibrationKind
from pcmesh.deployed.chip.power import power_tests
from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.mapping.packing import Layout
from pcmesh.network.exported.capture import CapturedNetwork, Pins
from pcmesh.network.products import MatrixProduct
from pcmesh.performance.power_test import ChipActivity
from pcmesh.placement import Placement
from pcmesh.progress import quiet

Pack = bool | Literal["auto"]


@dataclass(frozen=True, kw_only=True)
class CompileChoice:
    """How a network is mapped.

    Attributes:
        name: the network's.
        options: product -> options.
        pins: where the user wants modules.
        pack: whether what does not fill a tile shares tiles.
        packed: products that do.
        clipped_share: share of a layer's outputs allowed beyond its range.
        columns: how columns are calibrated.
        max_chips: the most chips that may be used.
        scale_columns: whether each column is written with its own gain (`calibration.ranges.column_gains`).
        route: whether vectors get ways through the mesh.
        hand_over: whether pulses go from tile to tile and ramps make activations (`lowering.hand_over`).
    """

    name: str
    options: Mapping[str, ProductOptions]
    pins: Pins = field(default_factory=dict)
    pack: Pack = "auto"
    packed: tuple[str, ...] = ()
    clipped_share: float = 0.001
    scale_columns: bool = True
    columns: CalibrationKind = "auto"
    max_chips: int | None = None
    route: bool = False
    hand_over: bool = False


@dataclass(frozen=True, kw_only=True)
class Program:
    """What compiling a network gives, for any instance of the chip: what is where, and how it was chosen.

    Attributes:
        captured: its code and what became of every operation.
        layout: products -> layers.
        mapping, placement: layers -> tiles -> chips.
        chip: the kind of chip.
        seed: of its instances, and of the vectors of the power test.
        frames: calibration frames.
        warnings: what a user should know.
        choice: how it was mapped.
        compiled: its layers with routes and the controllers' programs; None without routes.
    """

    captured: CapturedNetwork
    layout: Layout
    mapping: TileMapping
    placement: Placement
    chip: ChipSpec
    seed: int
    frames: Frames
    warnings: tuple[str, ...]
    choice: CompileChoice
    compiled: CompiledNetwork | None = None

    @cached_property
    def activity(self) -> tuple[ChipActivity, ...]:
        """What an operation of each chip takes, by the power test on the clocked engine; none without routes."""
        if self.compiled is None:
            return ()
        return power_tests({"": self.compiled}, self.seed, quiet)[""]

    @property
    def products(self) -> tuple[MatrixProduct, ...]:
        """Matrices that are on the chip."""
        return tuple(product for product in self.captured.products if product.name in self.layout.pieces)
