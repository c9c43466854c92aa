"""The cost table: what each event of an operation costs, and where the number comes from."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from pydantic import Field

from pcmesh.errors import ConfigurationError
from pcmesh.execution.clocked.activity import KINDS
from pcmesh.files.artefact import Artefact, check
from pcmesh.network.operations.digital import Standing

EVENT_KINDS = (
    *KINDS,
    *("column_on_ns", "on_ns", "charged_ff", "wire_rows", "device_fc"),
    *("vector_operations", "matrix_operations"),
)
"""Everything that is counted: by the clocked engine, from the schedule, and beside the chips."""


class Cost(Artefact):
    """One entry.

    Attributes:
        name: of the cost.
        supply: 1.5 V, 0.8 V, other, or digital (beside the chips).
        counts: the kind of event that costs: a field of `execution.clocked.Activity`, `column_on_ns` (columns of tiles
            in use x time), `on_ns` (time), `charged_ff` (capacitors read), `wire_rows` (pulses x length of the wire in
            rows of cells), `device_fc` (charge through the devices), or digital operations.
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
    """All costs, and why the other kinds of events have none: kind -> reason."""

    cost: tuple[Cost, ...]
    free: dict[str, str] = Field(default_factory=dict)

    def changed(self, pj: Mapping[str, float]) -> CostTable:
        """Return the table with other values for some names."""
        self.check_names(pj)
        changed = [entry.model_copy(update={"pj": pj.get(entry.name, entry.pj)}) for entry in self.cost]
        return self.model_copy(update={"cost": tuple(changed)})

    def check_names(self, names: Iterable[str]) -> None:
        """Raise ConfigurationError for a name that no cost has."""
        known = [entry.name for entry in self.cost]
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            raise ConfigurationError(f"there is no cost {unknown!r}", f"Costs: {', '.join(known)}")

    def check_events(self, kinds: Iterable[str]) -> None:
        """Raise VerificationError for a kind of event that has neither a cost nor a reason to have none."""
        known = {*(entry.counts for entry in self.cost), *self.free}
        for kind in kinds:
            check(kind in known, f"events of kind {kind!r} have no cost; kinds with one: {', '.join(sorted(known))}")

    def of_kind(self, kind: str) -> tuple[Cost, ...]:
        """Return the costs of a kind of event; VerificationError where it has none and no reason for that."""
        self.check_events((kind,))
        return tuple(entry for entry in self.cost if entry.counts == kind)

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
    text = (resources.files("pcmesh.performance") / "costs.toml").read_text(encoding="utf-8")
    table = CostTable.model_validate(tomllib.loads(text))
    table.check_events(EVENT_KINDS)
    for entry in table.cost:
        check(entry.counts in EVENT_KINDS, f"cost {entry.name!r} counts {entry.counts!r}, which nothing counts")
    return table
