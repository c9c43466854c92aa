"""Ranges: how many nanoseconds of output stand for one unit of a layer's matrix product."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from pcmesh.errors import CapacityError
from pcmesh.files.artefact import Artefact
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding, Mapping
from pcmesh.network.activation import Activation
from pcmesh.physics.column import RampSetting
from pcmesh.physics.units import SLOPE_CODES_PER_NS_PER_V, TICKS_PER_NS
from pcmesh.programming.drift import calibrated_share
from pcmesh.programming.targets import largest_weight

_MAX_CODE = 65_535
_LARGEST_GAIN = 64.0
"""No column is enlarged more than this many times the median one: columns that hardly matter stay small."""


class LayerRange(Artefact):
    """The analog range of one layer.

    Attributes:
        input_full_scale: value of an input that is coded as the longest pulse.
        max_weight: value of a weight that is coded as g_max.
        volts_per_unit: nominal capacitor voltage per unit of input @ weight, at one capacitor unit.
        capacitor_units: capacitors connected.
        output_full_scale: value of the output that makes the longest pulse (for linear outputs ± half of the pulse).
        linear: whether the output has a sign (zero at half scale).
        lowest: sum at which the pulse begins to grow where the output has no sign (0 for a ReLU).
    """

    input_full_scale: float
    max_weight: float
    volts_per_unit: float
    capacitor_units: int
    output_full_scale: float
    linear: bool
    lowest: float = 0.0

    def ramp(self, chip: ChipSpec, gain: float = 1.0, trim_ticks: int = 0, linear: bool | None = None) -> RampSetting:
        """Return the ramp's setting for this range.

        Args:
            chip: the chip.
            gain: measured gain of the columns relative to nominal; the ramp makes up for it.
            trim_ticks: shift of the zero level.
            linear: True reads the sums beyond an activation's limits too (for calibration).
        """
        signed = self.linear if linear is None else linear
        slope_code = round(self.ns_per_volt(chip, gain, signed) * SLOPE_CODES_PER_NS_PER_V)
        longest = chip.timing.output_max_ns * TICKS_PER_NS
        zero = longest // 2 if signed else -round(longest * self.lowest / self.output_full_scale)
        return RampSetting(
            capacitor_units=self.capacitor_units,
            slope_code=min(max(slope_code, 1), _MAX_CODE),
            zero_ticks=zero + trim_ticks,
        )

    def check_limits(self, layer: str, activation: Activation, chip: ChipSpec) -> None:
        """Refuse limits of an activation that no ramp is steep enough for: pulses would not end where it clips.

        Raises:
            CapacityError: naming the layer.
        """
        steepest = _MAX_CODE / SLOPE_CODES_PER_NS_PER_V
        signed = activation.is_linear
        if activation.upper == self.lowest + self.output_full_scale and self.ns_per_volt(chip, 1.0, signed) > steepest:
            volts = self.volts_per_unit / self.capacitor_units * self.output_full_scale
            raise CapacityError(
                f"layer {layer}: its {activation.kind}'s limits are {volts * 1e3:.3g} mV apart on the capacitors, and "
                f"the steepest ramp takes {chip.timing.output_max_ns / steepest * 1e3:.3g} mV for the longest pulse",
                "Keep its ends digital (hand_over=False), or train with smaller weights",
            )

    def largest_value(self, chip: ChipSpec) -> float:
        """Return the largest product before the capacitor saturates."""
        return chip.column.swing_v * self.capacitor_units / self.volts_per_unit

    def ns_per_volt(self, chip: ChipSpec, gain: float, signed: bool) -> float:
        """Return the ramp's slope that makes `output_full_scale` the longest pulse."""
        volts = self.volts_per_unit / self.capacitor_units * self.output_full_scale * gain
        return chip.timing.output_max_ns * (0.5 if signed else 1.0) / max(volts, 1e-12)

    def values(self, ticks: torch.Tensor, ramp: RampSetting, gain: float = 1.0) -> torch.Tensor:
        """Turn output pulses (ticks) into units of input @ weight."""
        return (ticks.to(torch.float32) - ramp.zero_ticks) / self._ticks_per_unit(ramp, gain)

    def longest_value(self, ramp: RampSetting, gain: float, chip: ChipSpec) -> float:
        """Return the sum above `lowest` that the longest pulse stands for, with the slope as it could be set."""
        return chip.timing.output_max_ns * TICKS_PER_NS / self._ticks_per_unit(ramp, gain)

    def _ticks_per_unit(self, ramp: RampSetting, gain: float) -> float:
        ticks_per_volt = ramp.slope_code / SLOPE_CODES_PER_NS_PER_V * TICKS_PER_NS
        return ticks_per_volt * gain * self.volts_per_unit / self.capacitor_units


def choose_range(
    chip: ChipSpec,
    encoding: Encoding,
    products: torch.Tensor,
    input_full_scale: float,
    max_weight: float,
    activation: Activation,
    clipped_share: float,
) -> LayerRange:
    """Choose capacitors and output range of a layer from products expected on calibration inputs.

    The smallest capacitor is taken that does not saturate in the range read out: most signal over the comparator's
    noise. Below a ReLU's range the capacitor may saturate, which its zero hides. Where even the largest would saturate,
    the weights are written smaller, by a larger "Max W". A chip may fix the capacitor: `column.capacitor_units_used`.

    Args:
        chip: the chip.
        encoding: how much signal a weight gives (twice as much where both pairs hold it: AB, 4-PCM).
        products: (inputs, columns) expected input @ weight.
        input_full_scale: value coded as the longest pulse.
        max_weight: smallest value that may be coded as g_max.
        activation: what the ramp makes of the sums; its limits are where the pulses end.
        clipped_share: share of outputs allowed beyond the range.
    """
    column = chip.column
    volts_per_unit = _volts_per_unit(chip, encoding, input_full_scale * max_weight)
    full_scale = range_needed(products, activation, clipped_share)
    lowest = activation.lower if activation.clips else 0.0
    needed = full_scale * volts_per_unit / column.swing_v
    excess = max(needed / column.most_units, 1.0)
    units = min(max(math.ceil(needed), column.fewest_units), column.most_units)
    return LayerRange(
        input_full_scale=input_full_scale,
        max_weight=max_weight * excess,
        volts_per_unit=volts_per_unit / excess,
        capacitor_units=units,
        output_full_scale=activation.upper - lowest if activation.clips else full_scale,
        linear=activation.is_linear,
        lowest=lowest,
    )


def range_needed(products: torch.Tensor, activation: Activation, clipped_share: float) -> float:
    """Return the largest magnitude that is read: the activation's own limit, or what all but a share keep to."""
    if activation.clips:
        return max(-activation.lower, activation.upper)
    seen = products.abs() if activation.is_linear else products.clamp(min=0)
    return min(max(_quantile(seen, 1 - clipped_share), 1e-9), activation.upper)


def column_gains(
    chip: ChipSpec, mapping: Mapping, layer: str, weight: torch.Tensor, inputs: torch.Tensor, clipped_share: float
) -> torch.Tensor:
    """Return the gain with which each column of a layer is written, (columns,) float32; its read-out divides by it.

    Each is as large as conductances and capacitor allow: the column's largest weight becomes as large as that of the
    layer, unless its products would then saturate the largest capacitor. Device errors that do not grow with the
    weight, and the counter's steps, then matter less in columns of small weights, and a few columns of large products
    do not make all others smaller.

    Args:
        chip: the chip.
        mapping: how the layer lies on tiles.
        layer: its name.
        weight: (rows, columns).
        inputs: (B, rows) examples; the largest is coded as the longest pulse.
        clipped_share: share of a column's products allowed beyond the capacitor's range.
    """
    held = weight.abs().amax(0)
    if not bool(held.any()):
        return torch.ones_like(held)
    gains = held.max() / torch.where(held > 0, held, held[held > 0].median())
    gains = gains.clamp(max=_LARGEST_GAIN * float(gains.median()))
    written = weight * gains
    largest_term = max(float(inputs.abs().max()), 1e-9) * largest_weight(written, chip.programming.saturated_share)
    column = chip.column
    volts = _volts_per_unit(chip, mapping.layer(layer).encoding, largest_term)
    capacity = column.swing_v * column.most_units / volts
    seen = _largest_partials(mapping, layer, written, inputs, clipped_share)
    return gains * (capacity / seen.clamp(min=1e-12)).clamp(max=1.0)


def _largest_partials(
    mapping: Mapping, layer: str, weight: torch.Tensor, inputs: torch.Tensor, clipped_share: float
) -> torch.Tensor:
    """Return the largest magnitude of what each column's capacitors hold (columns,), but for a share of the inputs."""
    largest = torch.zeros(weight.shape[1], dtype=torch.float32)
    rank = max(1, math.ceil((1 - clipped_share) * len(inputs)))
    for columns, held in partial_products(mapping, layer, weight, inputs):
        largest[columns] = torch.maximum(largest[columns], held.abs().kthvalue(rank, dim=0).values)
    return largest


def partial_products(
    mapping: Mapping, layer: str, weight: torch.Tensor, inputs: torch.Tensor
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield what the capacitors of each group of a layer's columns hold: the columns, (B, columns)."""
    for group in mapping.groups_of(layer):
        columns = slice(group.column_start, group.column_stop)
        pairs = [block for tile in group.tiles for pair in (1, 2) if (block := mapping.tiles[tile].block(pair))]
        rows = sorted({(block.row_start, block.row_stop) for block in pairs})
        yield (
            columns,
            sum((inputs[:, a:b] @ weight[a:b, columns] for a, b in rows), torch.zeros((), dtype=torch.float32)),
        )


def _volts_per_unit(chip: ChipSpec, encoding: Encoding, largest_term: float) -> float:
    """Return the volts at one capacitor unit per unit of input @ weight; `largest_term`: longest pulse times g_max."""
    column = chip.column
    volts_per_g_ns = chip.pcm.g_max_us * column.read_voltage_v * column.mirror_ratio / column.capacitor_unit_ff
    signal = encoding.record.signal * calibrated_share(chip.pcm)
    return signal * volts_per_g_ns * chip.timing.input_max_ns / largest_term


def _quantile(values: torch.Tensor, share: float) -> float:
    flat = values.flatten()
    return float(torch.kthvalue(flat, max(1, math.ceil(share * flat.numel()))).values)
