"""Chip: a network on one programmed and calibrated chip instance (or several chips).

Shape legend: B vectors, K rows, N columns.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from pcmesh.calibration.affine import Readout, fit_readout
from pcmesh.calibration.procedure import Calibration, Calibrator
from pcmesh.errors import InputError
from pcmesh.execution.behavioural.build import LayerBank, LayerBanks, build_layer
from pcmesh.execution.behavioural.network import BehaviouralNetwork, build_network, noise_keys
from pcmesh.execution.paths import Paths
from pcmesh.execution.products import ChainProduct, LayerProduct, codes_of, rows_of
from pcmesh.network import AnalogLayer, LayerGraph
from pcmesh.physics.column import RampSetting
from pcmesh.physics.pulse import input_ticks
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.programming.chip import ProgrammedNetwork
from pcmesh.programming.drift import expected_share

_LEAST_GAIN = 0.05
"""A chain that gives less than this share of what it should is not enlarged: its numbers are noise."""


@dataclass(frozen=True)
class Chip:
    """A network on one chip instance.

    Attributes:
        graph: the network; a layer whose input another layer makes is handed its pulses, tile to tile.
        network: the programmed devices.
        calibration: how its columns are driven and read.
        paths: what the mesh does to pulses (None: tiles side by side, without a mesh).
        readouts: layer -> affine read-out of each of its banks, for layers whose output is counted.
        column_gains: layer -> factor with which each column was written (1 where it is missing).
    """

    graph: LayerGraph
    network: ProgrammedNetwork
    calibration: Calibration
    paths: Paths | None
    readouts: Dict[str, tuple[Readout, ...]] = field(default_factory=dict)
    column_gains: Dict[str, torch.Tensor] = field(default_factory=dict)

    def layer(self, name: str) -> LayerProduct:
        """Return a layer between digital ends, ready to run at the network's age.

        It is built anew at each call: keep it while it is used, drop it to free its matrices (6 bytes a weight).
        """
        span = self.calibration.ranges[name]
        timing = self.network.chip.timing
        return LayerProduct(self.banks(name), self.readouts[name], span.input_full_scale, timing)

    def chain(self, first: str) -> ChainProduct:
        """Return the layers that hand pulses over, from the one called `first` to the one whose output is counted."""
        layers = next(chain for chain in self.graph.chains() if chain[0].name == first)
        span, last = self.calibration.ranges[first], layers[-1].name
        banks = tuple(self.banks(layer.name) for layer in layers)
        return ChainProduct(banks, self.readouts[last], span.input_full_scale, self.network.chip.timing)

    def gains(self, name: str) -> torch.Tensor:
        """Return the gain with which each column of a layer was written (N,)."""
        columns = self.graph.weights[name].shape[1]
        return self.column_gains.get(name, torch.ones(columns, dtype=torch.float32))

    def engine(self) -> BehaviouralNetwork:
        """Return the behavioural engine of all layers, at the network's age."""
        return build_network(self.network, self.graph, self.calibration.ramps, self.paths)

    def banks(self, name: str) -> LayerBanks:
        """Return the columns of a layer at the network's age."""
        layer = self.graph.layer(name)
        return build_layer(
            self.network,
            name,
            self.calibration.ramps,
            handed_over=bool(self.graph.consumers(layer.output)),
            paths=self.paths,
            analog_input=self.graph.producer(layer.input) is not None,
        )

    def aged(self, time_s: float) -> Chip:
        """Return the chip `time_s` after calibration, read as it was calibrated then."""
        return replace(self, network=self.network.aged(time_s))

    def expecting_drift(self) -> Chip:
        """Return the chip, calibrated when it was new, with products enlarged by what drift has taken by its age.

        The host knows age, weights and the devices' law: nothing is measured. What drift takes from single devices
        differs, which this leaves.

        Raises:
            InputError: layers hand pulses over, so that nothing digital stands between them.
        """
        if any(len(chain) > 1 or not chain[0].function.is_linear for chain in self.graph.chains()):
            raise InputError(
                "products that go from tile to tile cannot be enlarged digitally", "Recalibrate, or compile without"
            )
        network = self.network
        readouts = {}
        for name, fitted in self.readouts.items():
            targets = network.targets[name]
            left = expected_share(targets.weight / targets.max_weight, network.age_s, network.chip.pcm)
            readouts[name] = tuple(Readout(one.slope / left, one.offset / left) for one in fitted)
        return replace(self, readouts=readouts)

    def recalibrated(self, inputs: Dict[str, torch.Tensor]) -> Chip:
        """Return the chip calibrated anew at its age: read-outs fitted, bias rows of layers that hand over written.

        What the last of these gives gets one factor for all columns.

        Args:
            inputs: vector name -> (B, K) float32 calibration frames of every vector that comes from outside.
        """
        chip = self
        for chain in self.graph.chains():
            if chain[0].name in self.calibration.analog:
                calibrator = self.calibrator(chain, inputs[chain[0].input])
                network, calibration = calibrator.recalibrate_bias(chip.network, chip.calibration)
                chip = replace(chip, network=network, calibration=calibration)
                chip = chip._with_gain(chain, inputs[chain[0].input])
            else:
                chip = chip.with_readout(chain[0], inputs[chain[0].input])
        return chip

    def with_readout(self, layer: AnalogLayer, x_BK: torch.Tensor) -> Chip:
        """Return the chip with the affine read-out of a layer between digital ends fitted at its age.

        Args:
            layer: of the graph.
            x_BK: float32 calibration frames (paper: 2,000 of the training set).
        """
        return replace(self, readouts={**self.readouts, layer.name: self._fitted(layer.name, x_BK)})

    def with_nominal_readout(self, layer: AnalogLayer) -> Chip:
        """Return the chip with a layer's codes taken for what they are nominally, as values of its activation."""
        span, chip = self.calibration.ranges[layer.name], self.network.chip
        longest = round(chip.timing.output_max_ns * TICKS_PER_NS)
        codes = chip.timing.output_max_ns / chip.timing.output_step_ns  # one step alone is lost in float32
        found = []
        for entry in self.banks(layer.name).banks:
            ramp = self.calibration.ramps[entry.bank.groups[0]]
            ends = span.values(torch.tensor([0, longest]), ramp, self.calibration.gains[layer.name])
            if not (function := layer.function).is_linear:
                lengths = torch.tensor([0.0, self.calibration.longest_value(self.network, layer.name)])
                ends = function.floor + function.unit * lengths
            columns = torch.ones(len(entry.columns), dtype=torch.float32)
            found.append(Readout((ends[1] - ends[0]) / codes * columns, ends[0] * columns))
        return replace(self, readouts={**self.readouts, layer.name: tuple(found)})

    def calibrator(
        self, chain: Sequence[AnalogLayer], inputs: torch.Tensor, clipped_share: float = 0.001, enabled: bool = True
    ) -> Calibrator:
        """Return what calibrates a chain of layers on this chip by its devices.

        Args:
            chain: layers of the graph, each handing over to the next.
            inputs: (B, K) float32 calibration frames of the first.
            clipped_share: share of the outputs allowed beyond the range.
            enabled: False leaves out slopes, offsets and trim.
        """
        graph, paths, instance = self.graph, self.paths, self.network.instance
        keys = noise_keys(instance, [f"calibration/{number}" for number in range(len(inputs))])
        count_ticks = round(self.network.chip.timing.output_step_ns * TICKS_PER_NS)

        def measure(
            network: ProgrammedNetwork, layer: str, ramps: Dict[int, RampSetting], ticks: torch.Tensor, counted: bool
        ) -> torch.Tensor:
            analog_input = graph.producer(graph.layer(layer).input) is not None
            banks = build_layer(network, layer, ramps, not counted, paths, analog_input)
            out = BehaviouralNetwork(graph, {layer: banks}).run_layer(layer, ticks, keys)[0]
            return out * count_ticks if counted else out

        full_scale = max(float(inputs.abs().max()), 1e-9)
        return Calibrator(
            graph.part(layer.name for layer in chain), measure, inputs, full_scale, clipped_share, enabled
        )

    def _with_gain(self, chain: Sequence[AnalogLayer], x_BK: torch.Tensor) -> Chip:
        """Return the chip with a chain's numbers enlarged by what they lack on calibration frames.

        Numbers that an activation clips at both ends stay as they are: their ramp was set anew.
        """
        last, expected = chain[-1], x_BK
        if last.function.clips:
            return self.with_nominal_readout(last)
        for layer in chain:
            expected = expected @ self.graph.weights[layer.name] + self.graph.biases.get(
                layer.name, torch.zeros((), dtype=torch.float32)
            )
            expected = layer.function.carried(expected)
        made = self.with_nominal_readout(last)
        keys = noise_keys(self.network.instance, [f"calibration/{number}" for number in range(len(x_BK))])
        gain = float(
            (made.chain(chain[0].name)(x_BK, keys) * expected).sum() / expected.square().sum().clamp(min=1e-30)
        )
        fitted = tuple(Readout(one.slope / gain, one.offset / gain) for one in made.readouts[last.name])
        return replace(made, readouts={**made.readouts, last.name: fitted}) if gain > _LEAST_GAIN else made

    def _fitted(self, name: str, x_BK: torch.Tensor) -> tuple[Readout, ...]:
        chip, span, weight, gains = (
            self.network.chip,
            self.calibration.ranges[name],
            self.graph.weights[name],
            self.gains(name),
        )
        keys = noise_keys(self.network.instance, [f"calibration/{name}/{number}" for number in range(len(x_BK))])
        ticks = input_ticks(x_BK, span.input_full_scale, chip.timing)
        values = ticks.to(torch.float32) * (
            span.input_full_scale / float(input_ticks(torch.ones(1, dtype=torch.float32), 1.0, chip.timing))
        )

        def fit(entry: LayerBank) -> Readout:
            columns = gains[entry.columns]
            written = rows_of(entry, values) @ rows_of(entry, weight.T).T[:, entry.columns] * columns
            fitted = fit_readout(codes_of(entry, ticks, keys), written, span, span.ramp(chip), chip)
            return Readout(fitted.slope / columns, fitted.offset / columns)

        return tuple(fit(entry) for entry in self.banks(name).banks)
