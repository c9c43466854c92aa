"""Everything around the crossbar: columns, converters, mesh, local controllers, digital side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from pcmesh.hardware.base import Broken, Spec

SMALLEST: Final = "smallest"


def _units_used(value: object) -> object:
    if value != SMALLEST and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError('must be a whole number from 1, or "smallest"')
    return value


UnitsUsed = Annotated[int | Literal["smallest"], BeforeValidator(_units_used)]


class ColumnSpec(Spec):
    """A column's op-amp, current mirror, capacitor, ramp and comparator.

    Spreads are standard deviations over columns (fabrication); gains are relative.
    """

    read_voltage_v: float = Field(gt=0, le=2, description="voltage over a device while it conducts")
    capacitor_unit_ff: float = Field(gt=0, description="one capacitor of a column's bank")
    capacitor_units: int = Field(ge=1, le=64, description="units that exist per column")
    capacitor_units_used: UnitsUsed = Field(
        description='units connected for every layer; "smallest": for each layer the fewest that do not saturate'
    )
    capacitor_units_typical: int = Field(ge=1, description='units that energy counts where they are the "smallest"')
    mirror_ratio: float = Field(gt=0, le=1, description="capacitor current per bit-line current")
    swing_v: float = Field(gt=0, le=3, description="the capacitor saturates at ± this around its precharge")
    gain_sigma: float = Field(ge=0, lt=0.5, description="spread of the common gain (mirror and capacitor)")
    branch_asymmetry_sigma: float = Field(ge=0, lt=0.5, description="half difference of the + and - branch")
    direction_asymmetry_sigma: float = Field(
        ge=0, lt=0.5, description="half difference of the two steering directions (input sign)"
    )
    compression: float = Field(
        ge=0, lt=0.5, description="relative loss of gain at the reference current (see compression_reference)"
    )
    compression_sigma: float = Field(ge=0, lt=1, description="relative spread of the compression over columns")
    compression_reference: float = Field(
        gt=0, description="mean number of devices at g_max that conduct for 255 ns and give that loss"
    )
    offset_sigma_mv: float = Field(ge=0, description="spread of the comparator's offset")
    noise_mv: float = Field(ge=0, description="kT/C and comparator noise of one conversion")
    ramp_bow: float = Field(ge=0, lt=0.1, description="largest bow of the shared ramp, share of full scale (σ)")

    def relations(self) -> Iterator[Broken]:
        """Yield counts of capacitors that exceed those that exist."""
        for name in ("capacitor_units_used", "capacitor_units_typical"):
            units = getattr(self, name)
            if units != SMALLEST and units > self.capacitor_units:
                yield Broken(
                    (name, "capacitor_units"),
                    str(units),
                    f"at most capacitor_units = {self.capacitor_units}",
                    f"Lower {name} to {self.capacitor_units}, or raise capacitor_units to {units}",
                )

    @property
    def fewest_units(self) -> int:
        """The fewest capacitors that a layer may have connected."""
        return 1 if self.capacitor_units_used == SMALLEST else self.capacitor_units_used

    @property
    def most_units(self) -> int:
        """The most capacitors that a layer may have connected."""
        return self.capacitor_units if self.capacitor_units_used == SMALLEST else self.capacitor_units_used

    @property
    def typical_units(self) -> int:
        """Capacitors connected where no layer's range is known: what energy counts."""
        return self.capacitor_units_typical if self.capacitor_units_used == SMALLEST else self.capacitor_units_used

    @property
    def capacitance_ff(self) -> float:
        """Capacitance typically connected, fF."""
        return self.capacitor_unit_ff * self.typical_units


class TimingSpec(Spec):
    """Pulse coding and the length of a time step."""

    input_max_ns: int = Field(ge=1, le=255, description="longest input pulse; one count is one clock")
    input_step_ns: float = Field(gt=0, le=64, description="resolution of an input pulse")
    output_max_ns: int = Field(ge=1, le=255, description="longest output pulse (as long as inputs for tile to tile)")
    output_step_ns: float = Field(gt=0, le=64, description="resolution of the OLP's counter")
    step_ns: int = Field(ge=1, description="one time step in which columns are read (output slot, hand-over)")
    integration_ns: int = Field(ge=1, description="one time step in which tiles only integrate")

    def relations(self) -> Iterator[Broken]:
        """Yield time steps that are shorter than a pulse in them."""
        for step, pulse in (
            ("step_ns", "input_max_ns"),
            ("integration_ns", "input_max_ns"),
            ("step_ns", "output_max_ns"),
        ):
            length, longest = getattr(self, step), getattr(self, pulse)
            if length < longest:
                yield Broken(
                    (step, pulse),
                    str(length),
                    f"at least {pulse} = {longest}",
                    f"Raise {step} to {longest}, or shorten {pulse} to {length}",
                )

    @property
    def hands_over(self) -> bool:
        """Whether output pulses are as long as input pulses, so that they can go from tile to tile."""
        return self.input_max_ns == self.output_max_ns


class MeshSpec(Spec):
    """The 2D mesh: one vector per tile edge and centre, borderguards between; edges of pulses shift on the way."""

    hop_delay_ns: float = Field(ge=0, le=5, description="delay of one borderguard and the wire behind it")
    hop_width_shift_ns: float = Field(ge=-1, le=1, description="mean change of a pulse's width per hop")
    hop_width_sigma_ns: float = Field(ge=0, le=1, description="spread of that change over wires and hops")
    clock_ratio_sigma: float = Field(ge=0, lt=0.05, description="spread of the landing pads' clock periods")
    jitter_ns: float = Field(ge=0, le=1, description="random jitter of one edge at a landing pad (σ)")


class ControllerSpec(Spec):
    """A tile's local controller (LC)."""

    word_bits: int = Field(ge=128, le=128, description="bits of an instruction; other lengths are not modelled")
    sram_words: int = Field(ge=4, le=65536, description="instructions that fit a controller's memory")
    clock_ns: int = Field(ge=1, le=1, description="one cycle; other clocks are not modelled")


class DigitalSpec(Spec):
    """Digital processing next to the landing pads."""

    layer_ns: int = Field(ge=0, description="time of the vector operations of one layer")
