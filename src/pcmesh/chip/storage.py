"""PCM devices and how they are programmed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pcmesh.chip.base import Spec

PcmLawName = Literal["pcm_like", "hermes_1", "hermes_2", "ideal"]


class PcmSpec(Spec):
    """Phase-change memory devices.

    `law` names the set of published statistics (programming noise, drift exponents, 1/f noise) in `physics.pcm`.
    """

    law: PcmLawName = Field(default="pcm_like", description="published statistics of the devices (docs/physics.md)")
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
        description="age of the devices (after programming) when the chip is calibrated and first used, s",
    )
    rewriting_age_s: float = Field(
        default=20.0,
        gt=0,
        description="age of devices that are written again later, when their new conductance counts, s",
    )
    read_noise_window_s: float = Field(
        gt=0,
        description="fluctuations faster than this are drawn anew at each read, slower ones are frozen, s",
    )


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
