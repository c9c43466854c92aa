"""The three steps that make a chain of layers on the chip follow the software (paper: Methods, KWS calibration).

1. Program the nominal weights; from calibration inputs fit each column's slope; program again with scaled weights.
2. Shift each column by its bias rows. 3. Trim the zero level of a ReLU, hard sigmoid or hard tanh.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from pcmesh.calibration.fit import ColumnFit, fit_columns
from pcmesh.calibration.ranges import LayerRange, choose_range
from pcmesh.errors import CapacityError
from pcmesh.hardware import ChipSpec
from pcmesh.network import LayerGraph
from pcmesh.physics.column import RampSetting
from pcmesh.physics.pulse import input_ticks
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.programming.chip import ProgrammedNetwork, program, program_bias
from pcmesh.programming.targets import LayerTargets, largest_weight

_SATURATED = 0.49
"""Outputs within 1 % of the ends of the range do not count in a fit."""
_UNSATURATED = 0.9
"""Products beyond this share of the capacitor's swing do not count in a fit either."""
_BIAS_PASSES = 6
_BIAS_TOLERANCE = 0.004
"""A column whose offset is below this share of the output range keeps its bias rows."""
_BIAS_GAIN = (1.0, 0.5)
"""Share of the offset that the first and the later passes correct; half of what is left is the rows' own error."""
_TRIM_NS = 8.0
_LEAST_SHARE = 0.05
"""A layer of which drift leaves less than this share is not enlarged: its numbers are noise."""


class Measure(Protocol):
    """Runs one layer on a chip: signed input pulses (B, rows) int32 ticks -> output pulses (B, columns) in ticks.

    `counted` reads them through an OLP (whole counts), else they are analog durations.
    """

    def __call__(
        self, network: ProgrammedNetwork, layer: str, ramps: Dict[int, RampSetting], ticks: torch.Tensor, counted: bool
    ) -> torch.Tensor:
        """Return the output pulses, (B, columns) int32 ticks."""


@dataclass(frozen=True)
class Calibration:
    """How a programmed network is driven and read.

    Attributes:
        ranges: layer -> analog range.
        gains: layer -> measured gain of its columns relative to nominal.
        ramps: group -> setting of the ramp.
        analog: first layers of the chains that were calibrated by their devices (`Calibrator`).
    """

    ranges: Dict[str, LayerRange]
    gains: Dict[str, float]
    ramps: Dict[int, RampSetting]
    analog: frozenset[str] = frozenset()

    def joined(self, other: Calibration, first: str) -> Calibration:
        """Return this calibration with that of a chain, whose first layer is named."""
        return Calibration(
            {**self.ranges, **other.ranges},
            {**self.gains, **other.gains},
            {**self.ramps, **other.ramps},
            self.analog | other.analog | {first},
        )

    def longest_value(self, network: ProgrammedNetwork, layer: str) -> float:
        """Return the sum above its lower limit that the longest output pulse of an activation stands for."""
        ramp = self.ramps[network.mapping.groups_of(layer)[0].index]
        return self.ranges[layer].longest_value(ramp, self.gains[layer], network.chip)


@dataclass(frozen=True)
class Calibrator:
    """Calibrates a chain of layers on one chip instance.

    Attributes:
        graph: the network.
        measure: runs a layer on the chip.
        inputs: (B, rows) float32 calibration inputs of the first layer.
        input_full_scale: value of an input that makes the longest pulse.
        clipped_share: share of the outputs allowed beyond the range.
        enabled: False leaves out slopes, offsets and trim (ranges are still chosen).
    """

    graph: LayerGraph
    measure: Measure
    inputs: torch.Tensor
    input_full_scale: float
    clipped_share: float = 0.001
    enabled: bool = True

    def calibrate(self, network: ProgrammedNetwork) -> tuple[ProgrammedNetwork, Calibration]:
        """Program and calibrate all layers, one after the other, each on what the layers before it really give."""
        ticks = input_ticks(self.inputs, self.input_full_scale, network.chip.timing)
        calibration = Calibration({}, {}, {})
        full_scale = self.input_full_scale
        for number, layer in enumerate(self.graph.layers):
            network, calibration = self._layer(network, calibration, layer.name, ticks, full_scale, number)
            if layer is not self.graph.layers[-1]:
                ticks = self.measure(network, layer.name, calibration.ramps, ticks, False)
                full_scale = calibration.longest_value(network, layer.name) * layer.function.unit
        return network, calibration

    def recalibrate_bias(
        self, network: ProgrammedNetwork, calibration: Calibration
    ) -> tuple[ProgrammedNetwork, Calibration]:
        """Write the bias rows of all layers anew, at the network's age (paper: "on the scale of days").

        Where an activation clips at both ends, no factor behind it mends what drift takes: its ramp is set anew, too.
        """
        ticks = input_ticks(self.inputs, self.input_full_scale, network.chip.timing)
        for number, layer in enumerate(self.graph.layers):
            if layer.function.clips:
                calibration = self._steeper(network, calibration, layer.name, ticks)
            network = self._shift(network, calibration, layer.name, ticks, 1000 + 10 * number)
            if layer is not self.graph.layers[-1]:
                ticks = self.measure(network, layer.name, calibration.ramps, ticks, False)
        return network, calibration

    def _steeper(
        self, network: ProgrammedNetwork, calibration: Calibration, layer: str, ticks: torch.Tensor
    ) -> Calibration:
        """Return the calibration with a layer's ramp set to the gain that its columns have now."""
        span, gain = calibration.ranges[layer], calibration.gains[layer]
        ramp = calibration.ramps[network.mapping.groups_of(layer)[0].index]
        trim = ramp.zero_ticks - span.ramp(network.chip, gain).zero_ticks
        left = float(self._fit(network, calibration, layer, ticks).slope.median())
        return self._with_ramp(network, calibration, layer, span, gain * max(left, _LEAST_SHARE), trim)

    def first_layer_fit(self, network: ProgrammedNetwork, calibration: Calibration) -> ColumnFit:
        """Return slope and offset of the first layer's columns, in units of input @ weight, as the chip is now."""
        ticks = input_ticks(self.inputs, self.input_full_scale, network.chip.timing)
        return self._fit(network, calibration, self.graph.layers[0].name, ticks)

    def _layer(
        self,
        network: ProgrammedNetwork,
        calibration: Calibration,
        layer: str,
        ticks: torch.Tensor,
        full_scale: float,
        number: int,
    ) -> tuple[ProgrammedNetwork, Calibration]:
        chip = network.chip
        weight = self.graph.weights[layer]
        products = self._expected(layer, ticks, full_scale, chip.timing.input_max_ns)
        activation = self.graph.layer(layer).function
        encoding = network.mapping.layer(layer).encoding
        largest = largest_weight(weight, chip.programming.saturated_share)
        span = choose_range(chip, encoding, products, full_scale, largest, activation, self.clipped_share)
        span.check_limits(layer, activation, chip)
        targets = self._targets(layer, weight, span, chip)
        calibration = self._with_ramp(network, calibration, layer, span, 1.0, 0)
        network = program(network, {layer: targets}, 10 * number)
        if not self.enabled:
            return network, calibration
        fit = self._fit(network, calibration, layer, ticks)
        gain = float(fit.slope.median())
        slope = (gain / fit.slope).clamp(0.5, 2.0)
        network = program(network, {layer: replace(targets, slope=slope)}, 10 * number + 1)
        calibration = self._with_ramp(network, calibration, layer, span, gain, 0)
        network = self._shift(network, calibration, layer, ticks, 10 * number + 2)
        if activation.is_linear:
            return network, calibration
        trim = self._trim(network, calibration, layer, ticks, products)
        return network, self._with_ramp(network, calibration, layer, span, gain, trim)

    def _targets(self, layer: str, weight: torch.Tensor, span: LayerRange, chip: ChipSpec) -> LayerTargets:
        """Return the nominal targets, the network's bias on the bias rows.

        Raises:
            CapacityError: they cannot hold it.
        """
        targets = LayerTargets.nominal(weight, span.max_weight)
        if layer not in self.graph.biases:
            return targets
        bias = self.graph.biases[layer] / (span.input_full_scale * span.max_weight)
        needed = math.ceil(float(bias.abs().max()))
        if needed > chip.tile.bias_rows:
            raise CapacityError(
                f"layer {layer}: its largest bias takes {needed} bias rows, a tile has {chip.tile.bias_rows}",
                "Keep its ends digital (hand_over=False)",
            )
        return replace(targets, bias=bias)

    def _with_ramp(
        self, network: ProgrammedNetwork, calibration: Calibration, layer: str, span: LayerRange, gain: float, trim: int
    ) -> Calibration:
        ramp = span.ramp(network.chip, gain, trim)
        groups = {group.index: ramp for group in network.mapping.groups_of(layer)}
        return replace(
            calibration,
            ranges={**calibration.ranges, layer: span},
            gains={**calibration.gains, layer: gain},
            ramps={**calibration.ramps, **groups},
        )

    def _expected(self, layer: str, ticks: torch.Tensor, full_scale: float, longest_ns: int) -> torch.Tensor:
        values = ticks.to(torch.float32) * (full_scale / (longest_ns * TICKS_PER_NS))
        products = values @ self.graph.weights[layer]
        bias = self.graph.biases.get(layer)
        return products if bias is None else products + bias

    def _fit(self, network: ProgrammedNetwork, calibration: Calibration, layer: str, ticks: torch.Tensor) -> ColumnFit:
        """Fit the columns in units of input @ weight, read with the sign through an OLP."""
        chip = network.chip
        span, gain = calibration.ranges[layer], calibration.gains[layer]
        expected = self._expected(layer, ticks, span.input_full_scale, chip.timing.input_max_ns)
        limit = _UNSATURATED * span.largest_value(chip)
        reach = max(min(float(expected.abs().max()), limit), span.output_full_scale)
        wide = span.model_copy(update={"output_full_scale": reach})
        ramp = wide.ramp(chip, gain, linear=True)
        ramps = {group.index: ramp for group in network.mapping.groups_of(layer)}
        pulses = self.measure(network, layer, ramps, ticks, True)
        full = chip.timing.output_max_ns * TICKS_PER_NS
        inside = ((pulses / full - 0.5).abs() < _SATURATED) & (expected.abs() < limit)
        return fit_columns(wide.values(pulses, ramp, gain), expected, inside.to(torch.float32))

    def _shift(
        self, network: ProgrammedNetwork, calibration: Calibration, layer: str, ticks: torch.Tensor, attempt: int
    ) -> ProgrammedNetwork:
        """Write bias rows until every column's offset is small, or the passes are used up."""
        span = calibration.ranges[layer]
        unit = span.input_full_scale * span.max_weight
        for turn in range(_BIAS_PASSES):
            fit = self._fit(network, calibration, layer, ticks)
            poor = fit.offset.abs() > _BIAS_TOLERANCE * span.output_full_scale
            if not bool(poor.any()):
                break
            change = _BIAS_GAIN[min(turn, 1)] * fit.offset / (fit.slope.clamp(min=0.2) * unit)
            bias = torch.where(poor, network.targets[layer].bias - change, network.targets[layer].bias)
            network = program_bias(network, layer, bias, poor, attempt + turn)
        return network

    def _trim(
        self,
        network: ProgrammedNetwork,
        calibration: Calibration,
        layer: str,
        ticks: torch.Tensor,
        products: torch.Tensor,
    ) -> int:
        """Return the shift of the zero level (ticks) that brings an activation's outputs closest to the software's."""
        ramp = calibration.ramps[network.mapping.groups_of(layer)[0].index]
        longest = network.chip.timing.output_max_ns * TICKS_PER_NS
        above = products - calibration.ranges[layer].lowest
        wanted = (above / calibration.longest_value(network, layer) * longest).clamp(0, longest)
        measured = self.measure(network, layer, {g.index: ramp for g in network.mapping.groups_of(layer)}, ticks, False)
        active = (wanted > 0) & (wanted < longest) & (measured > 0) & (measured < longest)
        if not bool(active.any()):
            return 0
        limit = int(_TRIM_NS * TICKS_PER_NS)
        shift = float((wanted - measured)[active].mean())
        return max(min(round(shift), limit), -limit)
