"""A network of a user's on chip instances: which of the chip's laws it shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from pcmesh.analysis.batches import call
from pcmesh.analysis.laws.estimates import difference_of, mean_of
from pcmesh.analysis.laws.law import Law, Sight
from pcmesh.analysis.mapping_choice.losses import output_error
from pcmesh.deployed import ChipModel, compile_model
from pcmesh.durations import SECONDS
from pcmesh.hardware import ChipSpec
from pcmesh.hardware.variants import with_integration
from pcmesh.mapping import Encoding
from pcmesh.programming.quality import overall, programming_quality
from pcmesh.studies.laws.catalogue import ENTRIES, PAPER, MeasuredLaw
from pcmesh.studies.laws.options import Setting
from pcmesh.workloads.rnnt.compiled.published import HALF_INTEGRATION_NS


@dataclass
class OwnChips:
    """A network on chip instances, all layers in asymmetry balance, judged by its outputs on the example inputs."""

    setting: Setting
    network: nn.Module
    inputs: Any

    @cached_property
    def model(self) -> ChipModel:
        """The network on the first instance."""
        return compile_model(self.network, self.inputs, self.setting.chip, seed=self.setting.options.seed)

    def losses(
        self, chip: ChipSpec | None = None, encoding: Encoding | None = None, time_s: float = 0.0
    ) -> list[float]:
        """Return the power of the outputs' error on each chip, as a share of that of the outputs."""
        return [output_error(call(one.at(time_s), self.inputs), self._wanted) for one in self._chips(chip, encoding)]

    def programming(self) -> list[tuple[float, float, float]]:
        """Return of each chip the share of good weights, the mean error and its spread from 1 to 99 %."""
        found = []
        for one in self._chips(None, None):
            pairs = programming_quality(one.side.chip.network, beyond_max_w=True)
            spreads = sorted(pair.spread_1_99 for pair in pairs)
            found.append((*overall(pairs), spreads[len(spreads) // 2]))
        return found

    @cached_property
    def _wanted(self) -> Any:
        return call(self.model.software, self.inputs)

    def _chips(self, chip: ChipSpec | None, encoding: Encoding | None) -> list[ChipModel]:
        count, found = self.setting.options.chips, []
        options = {} if encoding is None else {one.name: encoding for one in self.model.program.products}
        for number in range(count):
            self.setting.report("chips", number, count)
            found.append(self.model.on(chip, number=number, options=options))
        self.setting.report("chips", count, count)
        return found


def own_entries(chips: OwnChips) -> list[MeasuredLaw]:
    """Return the laws that any network shows: those of writing, those whose direction is known, those of the chip."""
    known = {entry.law.id: entry for entry in ENTRIES}

    def written(name: str, share: int, sign: float, offset: float) -> MeasuredLaw:
        def measure(_: Any) -> Sight:
            values = [offset + sign * 100 * one[share] for one in chips.programming()]
            return Sight((mean_of(values),), "all weights of the network", {"per_chip": values})

        return MeasuredLaw(known[name].law, "chip", measure)

    return [
        written("weight-error", 1, 1.0, 0.0),
        written("weight-spread", 2, 1.0, 0.0),
        written("yield", 0, -1.0, 100.0),
        _more("own-balance", "Lost without AB", "Fig. 3d", lambda: chips.losses(encoding=Encoding.PCM4), chips),
        _more("own-half", "Lost with half the integration", "Fig. 6b", lambda: chips.losses(_halved(chips)), chips),
        _more("own-week", "Lost in a week, as calibrated", "Fig. 5c", lambda: chips.losses(time_s=SECONDS["w"]), chips),
        *(entry for entry in ENTRIES if entry.of == "chip"),
    ]


def _halved(chips: OwnChips) -> ChipSpec:
    return with_integration(chips.setting.chip, HALF_INTEGRATION_NS)


def _more(name: str, observation: str, where: str, losses: Any, chips: OwnChips) -> MeasuredLaw:
    law = Law(
        id=name,
        observation=observation,
        where=f"{PAPER}, {where}",
        paper=(0.0,),
        rule="at least",
        said="some",
        unit="% of the outputs' power",
    )

    def measure(_: Any) -> Sight:
        usual, other = ([100 * value for value in found] for found in (chips.losses(), losses()))
        means = [sum(values) / len(values) for values in (usual, other)]
        note = f"error of the outputs in AB {means[0]:.3g}, then {means[1]:.3g} % of their power"
        return Sight((difference_of(other, usual),), note, {"usual": usual, "then": other})

    return MeasuredLaw(law, "chip", measure)
