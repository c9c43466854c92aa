"""The cost table: what each event of an operation costs, and where the number comes from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from pydantic import Field

from pcmesh.artefact import Artefact
from pcmesh.model.digital import Standing


class Cost(Artefact):
    """One entry.

    Attributes:
        name: of the cost.
        supply: 1.5 V, 0.8 V, other, or digital (beside the chips).
        counts: the kind of event that costs: a field of `execution.clocked.Activity`, `column_on_ns` (columns of tiles
            in use x time), `on_ns` (time), `charged_ff` (capacitors read), `wire_rows` (pulses x length of the wire in
            rows of cells), or digital operations.
        pj: cost of one event, pJ.
        standing: where the number comes from.
        note: what it stands for; for fitted ones, what it was fitted to.
    """

    name: str
    supply: str
    counts: str
    pj: float = Field(ge=0)
    standing: Standing
    note: str


class CostTable(Artefact):
    """All costs."""

    cost: tuple[Cost, ...]

    def changed(self, pj: Mapping[str, float]) -> CostTable:
        """Return the table with other values for some names."""
        changed = [entry.model_copy(update={"pj": pj.get(entry.name, entry.pj)}) for entry in self.cost]
        return CostTable(cost=tuple(changed))

    @property
    def supplies(self) -> tuple[str, ...]:
        """All supplies, in the order of the table."""
        return tuple(dict.fromkeys(entry.supply for entry in self.cost))

    @property
    def fitted(self) -> tuple[str, ...]:
        """Names of the fitted costs."""
        return tuple(entry.name for entry in self.cost if entry.standing == "fitted")


@cache
def load_costs() -> CostTable:
    """Return the table that ships."""
    text = (resources.files("pcmesh.evaluation.performance") / "costs.toml").read_text(encoding="utf-8")
    return CostTable.model_validate(tomllib.loads(text))
