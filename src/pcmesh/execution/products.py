"""Matrix products with digital ends: numbers in, numbers out, the chip between (INT9 pulses in, UINT8 codes out).

Shape legend: B vectors, K rows, N columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace

import torch

from pcmesh.calibration.affine import Readout, fit_readout
from pcmesh.calibration.nominal import nominal_ramps
from pcmesh.calibration.ranges import LayerRange
from pcmesh.chip import TimingSpec
from pcmesh.execution.behavioural.build import LayerBank, LayerBanks, build_layer
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.execution.paths import Paths
from pcmesh.model import LayerGraph
from pcmesh.physics.pulse import input_ticks
from pcmesh.programming.chip import ProgrammedNetwork
from pcmesh.programming.drift import expected_share


@dataclass(frozen=True)
class LayerProduct:
    """One layer of a programmed and calibrated chip instance, as a function of numbers.

    Attributes:
        banks: its columns.
        readouts: how the codes of each bank become numbers.
        input_full_scale: value of an input that makes the longest pulse.
        timing: resolution of pulses and counters.
    """

    banks: LayerBanks
    readouts: tuple[Readout, ...]
    input_full_scale: float
    timing: TimingSpec

    def __call__(self, x_BK: torch.Tensor, keys_B: torch.Tensor | None) -> torch.Tensor:
        """Return the product of inputs with the layer's weights, as the chip computes it.

        Args:
            x_BK: (B, K) float32; sent as sign and UINT8 durations, magnitudes above `input_full_scale` saturate.
            keys_B: (B,) int64 noise keys, or None for no read noise.

        Returns:
            (B, N) float32; sums over rows of different groups are added here, digitally.
        """
        ticks = input_ticks(x_BK, self.input_full_scale, self.timing)
        first = self.banks.banks[0]
        if len(self.banks.banks) == 1:
            return self.readouts[0].values(_codes(first, ticks, keys_B))
        out = torch.zeros((x_BK.shape[0], self.banks.columns), device=x_BK.device)
        for entry, readout in zip(self.banks.banks, self.readouts, strict=True):
            out.index_add_(1, entry.columns, readout.values(_codes(entry, ticks, keys_B)))
        return out

    def to(self, device: torch.device | str) -> LayerProduct:
        """Return a copy on a device."""
        target = torch.device(device)
        readouts = tuple(readout.to(target) for readout in self.readouts)
        return replace(self, banks=self.banks.to(target), readouts=readouts)


@dataclass(frozen=True)
class ChipProducts:
    """A network with digital ends on one programmed and calibrated chip instance.

    Attributes:
        graph: the network; each of its layers takes its input from the digital side and gives its output to it.
        network: the programmed devices.
        ranges: layer -> analog range.
        paths: what the mesh does to pulses (None: tiles side by side, without a mesh).
        readouts: layer -> affine read-out of each of its banks.
        gains: layer -> factor with which each column was written (1 where it is missing).
    """

    graph: LayerGraph
    network: ProgrammedNetwork
    ranges: Dict[str, LayerRange]
    paths: Paths | None
    readouts: Dict[str, tuple[Readout, ...]]
    gains: Dict[str, torch.Tensor] = field(default_factory=dict)

    def layer(self, name: str) -> LayerProduct:
        """Return a layer, ready to run at the network's age.

        It is built anew at each call: keep it while it is used, drop it to free its matrices (6 bytes a weight).
        """
        span = self.ranges[name]
        return LayerProduct(self._banks(name), self.readouts[name], span.input_full_scale, self.network.chip.timing)

    def aged(self, time_s: float) -> ChipProducts:
        """Return the chip `time_s` after calibration, read as it was calibrated then."""
        return replace(self, network=self.network.aged(time_s))

    def expecting_drift(self) -> ChipProducts:
        """Return the chip, calibrated when it was new, with products enlarged by what drift has taken by its age.

        The host knows age, weights and the devices' law: nothing is measured. What drift takes from single devices
        differs, which this leaves.
        """
        network = self.network
        readouts = {}
        for name, fitted in self.readouts.items():
            targets = network.targets[name]
            left = expected_share(targets.weight / targets.max_weight, network.age_s, network.chip.pcm)
            readouts[name] = tuple(Readout(one.slope / left, one.offset / left) for one in fitted)
        return replace(self, readouts=readouts)

    def calibrated(self, inputs: Dict[str, torch.Tensor]) -> ChipProducts:
        """Return the chip with the affine read-out of all layers fitted at its age.

        Args:
            inputs: vector name -> (B, K) float32 calibration frames (paper: 2,000 of the training set).
        """
        readouts = {layer.name: tuple(self._fit(layer.name, inputs[layer.input])) for layer in self.graph.layers}
        return replace(self, readouts=readouts)

    def _banks(self, name: str) -> LayerBanks:
        ramps = nominal_ramps(self.network.mapping, self.network.chip, self.ranges)
        return build_layer(self.network, name, ramps, handed_over=False, paths=self.paths, analog_input=False)

    def _fit(self, name: str, x_BK: torch.Tensor) -> Iterator[Readout]:
        chip, span, weight = self.network.chip, self.ranges[name], self.graph.weights[name]
        gains = self.gains.get(name, torch.ones(weight.shape[1]))
        keys = noise_keys(self.network.instance, [f"calibration/{name}/{number}" for number in range(len(x_BK))])
        ticks = input_ticks(x_BK, span.input_full_scale, chip.timing)
        values = ticks.to(torch.float32) * (span.input_full_scale / float(input_ticks(torch.ones(1), 1.0, chip.timing)))
        for entry in self._banks(name).banks:
            columns = gains[entry.columns]
            written = _rows(entry, values) @ _rows(entry, weight.T).T[:, entry.columns] * columns
            fitted = fit_readout(_codes(entry, ticks, keys), written, span, span.ramp(chip), chip)
            yield Readout(fitted.slope / columns, fitted.offset / columns)


def _rows(entry: LayerBank, values_BK: torch.Tensor) -> torch.Tensor:
    return values_BK if entry.rows is None else values_BK[:, entry.rows]


def _codes(entry: LayerBank, ticks_BK: torch.Tensor, keys_B: torch.Tensor | None) -> torch.Tensor:
    return entry.bank.run(_rows(entry, ticks_BK), keys_B)
