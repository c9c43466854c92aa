"""PCM devices and how they are programmed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import Field, field_validator

from pcmesh.hardware.base import Broken, Spec
from pcmesh.hardware.device_table import DeviceRow, first_problem, is_device_table
from pcmesh.registry import Registry

DEVICE_LAWS: Final = Registry(
    kind="device law",
    group="pcmesh.devices",
    protocol="pcmesh.devices.law:DeviceLaw",
    shipped={
        "pcm_like": "pcmesh.devices.pcm:PCM_LIKE",
        "hermes_1": "pcmesh.devices.pcm:HERMES_1",
        "hermes_2": "pcmesh.devices.pcm:HERMES_2",
        "ideal": "pcmesh.devices.pcm:IDEAL",
    },
)


class PcmSpec(Spec):
    """Memory devices.

    `law` names their statistics (programming, drift, read noise): one that ships, one that a package adds, or the CSV
    file from which `table` was read.
    """

    law: str = Field(
        default="pcm_like",
        description="statistics of the devices (docs/physics.md, docs/extending.md)",
    )
    table: tuple[DeviceRow, ...] = Field(
        default=(), description="rows of the CSV file that `law` names; filled when the chip is read"
    )
    g_max_us: float = Field(gt=0, le=200, description="largest conductance a weight is mapped to, µS")
    g_ceiling_spread: float = Field(
        ge=0, lt=0.3, description="device-to-device spread (σ) of the largest reachable conductance"
    )
    g_ceiling_mean: float = Field(
        ge=1.0, le=1.2, description="mean of the largest reachable conductance, in units of g_max"
    )
    stuck_low_probability: float = Field(ge=0, le=0.5, description="share of devices stuck at 0 µS")
    stuck_high_probability: float = Field(ge=0, le=0.5, description="share of devices stuck fully SET")
    drift_scale: float = Field(ge=0, le=10, description="factor on the published drift exponents")
    calibration_age_s: float = Field(
        gt=0,
        description="time from a device's last pulse to calibration and first use; it drifts from then on, s",
    )
    rewriting_age_s: float = Field(
        default=20.0,
        gt=0,
        description="time from the last pulse to first use, of devices written again on a chip in use, s",
    )
    read_noise_window_s: float = Field(
        gt=0,
        description="fluctuations faster than this are drawn anew at each read, slower ones are frozen, s",
    )

    @field_validator("law")
    @classmethod
    def _law(cls, name: str) -> str:
        return name if is_device_table(name) else DEVICE_LAWS.known(name)

    def relations(self) -> Iterator[Broken]:
        """Yield what is wrong with the devices' table, and with the law that names it."""
        if is_device_table(self.law) != bool(self.table):
            limit = f"a CSV file has rows in pcm.table, a law has none; there are {len(self.table)}"
            yield Broken(("law", "table"), repr(self.law), limit, "Leave out pcm.table: reading the file fills it")
        if not self.table:
            yield from self._beyond_law()
            return
        problem = first_problem(self.table)
        if problem is not None:
            limit = f"row {problem[0] + 1} of the devices' table: {problem[1]}"
            yield Broken(("table",), "", limit, "Correct the CSV file (docs/extending.md has an example)")
        elif self.table[-1].target_us < self.g_max_us:
            ends = self.table[-1].target_us
            limit = f"{self.law} ends at {ends:g} µS, and weights are mapped to conductances up to g_max_us"
            yield Broken(("g_max_us", "table"), f"{self.g_max_us:g}", limit, f"Set g_max_us to {ends:g}, or add rows")

    def _beyond_law(self) -> Iterator[Broken]:
        law = DEVICE_LAWS.load(self.law) if self.law in DEVICE_LAWS else None
        if law is None or law.exact or self.g_max_us <= law.g_max_us:
            return
        limit = f"the devices of {self.law} reach {law.g_max_us:g} µS"
        remedy = f"Set g_max_us to {law.g_max_us:g} or less, or take another law"
        yield Broken(("g_max_us", "law"), f"{self.g_max_us:g}", limit, remedy)


class ProgrammingSpec(Spec):
    """Closed-loop, row-wise programming: pulse, read, correct."""

    max_rounds: int = Field(ge=1, le=1000, description="pulses a device gets at most")
    window: float = Field(gt=0, le=1, description="a device is accepted within ± this share of g_max")
    verify_noise: float = Field(ge=0, lt=1, description="noise (σ) of one verifying read, share of g_max")
    correction_gain: float = Field(gt=0, le=1, description="share of the error read that a pulse corrects")
    pulse_noise_scale: float = Field(
        ge=0, le=2, description="noise of one partial pulse in units of the published programming noise"
    )
    relaxation_scale: float = Field(
        ge=0, le=2, description="relaxation (σ) after the last pulse, in units of the published programming noise"
    )
    saturated_share: float = Field(
        ge=0, lt=0.1, description="share of a layer's weights that may lie beyond Max W, the weight written as g_max"
    )
