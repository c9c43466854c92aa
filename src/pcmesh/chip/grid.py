"""Where things are: tiles, gaps, landing pads, power domains."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from pcmesh.chip.base import Spec
from pcmesh.errors import ConfigurationError


class Site(NamedTuple):
    """A place in the tile grid: row 0 is north, column 0 is west."""

    row: int
    column: int


class Pad(NamedTuple):
    """One input or output landing pad, on the outer edge of a mesh row."""

    domain: str
    edge: Literal["west", "east"]
    row: int


class PadSpec(Spec):
    """A power domain's input and output landing pads (ILP, OLP): which outer edge and mesh row each drives."""

    domain: str = Field(description="name of the power domain")
    edge: Literal["west", "east"] = Field(description="outer edge on which both landing pads lie")
    ilp_row: int | None = Field(
        default=None, ge=0, description="mesh row that the input landing pad drives; left out: there is none"
    )
    olp_row: int = Field(ge=0, description="mesh row that the output landing pad listens to")


class GridSpec(Spec):
    """The tile grid with its gaps, and the landing pads of the power domains."""

    rows: int = Field(ge=1, le=64, description="rows of places, from north to south")
    columns: int = Field(ge=1, le=64, description="columns of places, from west to east")
    gaps: tuple[Site, ...] = Field(description="places without a tile (processing elements); the mesh passes over them")
    pads: tuple[PadSpec, ...] = Field(min_length=1, description="landing pads, one table per power domain")

    @model_validator(mode="after")
    def _check(self) -> GridSpec:
        for gap in self.gaps:
            if not (0 <= gap.row < self.rows and 0 <= gap.column < self.columns):
                raise ValueError(f"gap {tuple(gap)} lies outside the {self.rows} x {self.columns} grid")
        if len(set(self.gaps)) != len(self.gaps):
            raise ValueError("a gap is listed twice")
        if len(self.gaps) >= self.rows * self.columns:
            raise ValueError("no place is left for a tile")
        names = [pad.domain for pad in self.pads]
        if len(set(names)) != len(names):
            raise ValueError("a power domain is listed twice")
        whole = [(p.edge, row) for p in self.pads if p.ilp_row is not None for row in (p.ilp_row, p.olp_row)]
        # A further output landing pad may listen at the end that an input landing pad drives: in other time steps.
        outputs = [(p.edge, p.olp_row) for p in self.pads]
        if len(set(whole)) != len(whole) or len(set(outputs)) != len(outputs):
            raise ValueError("two landing pads share one end of a mesh row")
        if any(row >= self.rows for _, row in whole + outputs):
            raise ValueError(f"a landing pad is on a mesh row beyond row {self.rows - 1}")
        return self

    @property
    def sites(self) -> tuple[Site, ...]:
        """All tiles' places, row by row."""
        places = (Site(r, c) for r in range(self.rows) for c in range(self.columns))
        return tuple(site for site in places if site not in self.gaps)

    @property
    def ilps(self) -> tuple[Pad, ...]:
        """Input landing pads, in the order of the power domains."""
        return tuple(Pad(p.domain, p.edge, p.ilp_row) for p in self.pads if p.ilp_row is not None)

    @property
    def olps(self) -> tuple[Pad, ...]:
        """Output landing pads, in the order of the power domains."""
        return tuple(Pad(p.domain, p.edge, p.olp_row) for p in self.pads)

    def with_more_olps(self, count: int) -> GridSpec:
        """Return the grid with further output landing pads, at the ends of the mesh rows that ILPs drive.

        Raises:
            ConfigurationError: there are not so many free ends.
        """
        taken = {(pad.edge, pad.row) for pad in self.olps}
        free = [pad for pad in self.ilps if (pad.edge, pad.row) not in taken]
        if count > len(free):
            raise ConfigurationError(
                f"{count} more output landing pads, but {len(free)} ends of mesh rows are without one", "Take fewer"
            )
        more = [PadSpec(domain=f"{pad.domain}+", edge=pad.edge, olp_row=pad.row) for pad in free[:count]]
        return GridSpec.model_validate(self.model_dump() | {"pads": (*self.pads, *more)})

    def number(self, site: Site) -> int:
        """Return a tile's number as people see it: from 1, row by row from the north-west."""
        return self.sites.index(site) + 1
